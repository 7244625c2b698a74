"""Find the commit that this checkout is compared with where ``--base`` names none.

It is what the CI's pull request goes into, else what ``origin`` calls its main branch. Never the
upstream of the branch itself: on a pushed branch nothing differs from it. ``environ`` is that of
the process.
"""

from collections.abc import Mapping
from typing import Final

from migration_guard.exceptions import CannotTell
from migration_guard.linter.git import FETCH_HINT, Repository

# Commits that the CI names, then branches; "" and what does not apply mean: no pull request.
COMMITS: Final = ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "CIRRUS_BASE_SHA")  # GitLab, Cirrus CI
BRANCHES: Final = (
    "GITHUB_BASE_REF",  # GitHub Actions, Gitea, Forgejo
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",  # GitLab
    "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",  # Azure Pipelines
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "CHANGE_TARGET",  # Jenkins, multibranch
    "ghprbTargetBranch",  # Jenkins, pull request builder
    "gitlabTargetBranch",  # Jenkins, GitLab plugin
    "CODEBUILD_WEBHOOK_BASE_REF",  # AWS
    "CF_PULL_REQUEST_TARGET",  # Codefresh
    "BITRISEIO_GIT_BRANCH_DEST",
    "bamboo_repository_pr_targetBranch",
    "CIRRUS_BASE_BRANCH",
    "PULL_BASE_REF",  # Prow
)
# These name a branch on every build; only beside the second variable it is a target.
OF_PULL_REQUESTS: Final = (
    ("CI_COMMIT_TARGET_BRANCH", "CI_COMMIT_PULL_REQUEST"),  # Woodpecker
    ("DRONE_TARGET_BRANCH", "DRONE_PULL_REQUEST"),
    ("TRAVIS_BRANCH", "TRAVIS_PULL_REQUEST_BRANCH"),
    ("APPVEYOR_REPO_BRANCH", "APPVEYOR_PULL_REQUEST_NUMBER"),
    ("SEMAPHORE_GIT_BRANCH", "SEMAPHORE_GIT_PR_NUMBER"),
)
_REMOTE: Final = "origin"
_MAIN: Final = tuple(f"{_REMOTE}/{name}" for name in ("HEAD", "main", "master"))


def find_target(repository: Repository, environ: Mapping[str, str]) -> str | None:
    """Return a ref to compare with, None if all files are new (no remote, no commit).

    Raises CannotTell where a remote exists and the checkout lacks what to compare with.
    """
    if not repository.has_commits():
        return None
    superproject = repository.superproject()
    if superproject is not None:
        return _commit_of_submodule(superproject, repository, environ)
    named = _name_of_target(environ)
    if named and repository.knows(named):
        return named
    main = next((ref for ref in _MAIN if repository.knows(ref)), None)
    merge = _first_parent(repository, main)
    if merge is not None:
        return merge
    if main is not None and not named:
        return main
    if not named and not repository.has_remotes():
        return None
    reason = f"{named}, which the CI names as the target, is not here"
    if not named:
        reason = f"this checkout has a remote, but none of {', '.join(_MAIN)} is here"
    raise CannotTell(
        f"Cannot tell which files are new: {reason}.",
        f"{FETCH_HINT} Or name the branch that they merge into: --base GITREF.",
    )


def _name_of_target(environ: Mapping[str, str]) -> str:
    """Return what the CI's pull request goes into, "" where there is none."""
    commit = next(filter(None, map(environ.get, COMMITS)), None)
    if commit:
        return commit
    branches = [environ.get(variable) for variable in BRANCHES]
    branches += [environ.get(name) for name, pull in OF_PULL_REQUESTS if environ.get(pull)]
    branch = next(filter(None, branches), "").removeprefix("refs/heads/")
    return f"{_REMOTE}/{branch.removeprefix(f'{_REMOTE}/')}" if branch else ""


def _first_parent(repository: Repository, main: str | None) -> str | None:
    """Return what a detached merge commit merged into, None for another checkout."""
    if not repository.is_detached() or len(repository.parents()) < 2:  # noqa: PLR2004 - a merge
        return None
    # A branch that took over main has the branch as its first parent, and that is not merged.
    is_merged = main is None or repository.is_ancestor("HEAD^1", main)
    return "HEAD^1" if is_merged else None


def _commit_of_submodule(
    superproject: Repository, repository: Repository, environ: Mapping[str, str]
) -> str | None:
    """Return the commit of a submodule at the base of the repository that holds it."""
    target = find_target(superproject, environ)
    if target is None:
        return None
    commit = superproject.submodule_commit(superproject.merge_base(target), repository.root)
    if commit is not None and not repository.knows(commit):
        raise CannotTell(
            f"Cannot tell which files are new: the submodule {repository.root} lacks {commit}, its "
            f"commit in {target}.",
            FETCH_HINT,
        )
    return commit
