"""Tests of the views: `manage.py test project --record-usage usage.jsonl` writes what they send."""

from uuid import UUID

from django.db import connection
from django.test import TestCase

from project.models import MultiDimensionalMemory, UserIdentityMap, UserPreference, UserProfile


class CompanionTest(TestCase):
    """A person whom the companion knows."""

    person: UUID

    @classmethod
    def setUpTestData(cls) -> None:
        """Make the person."""
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO users (email) VALUES ('ada@example.com') RETURNING id")
            cls.person = cursor.fetchone()[0]
        UserProfile.objects.create(vi_user_id=cls.person, preferred_name="Ada")

    def test_person_when_shown_has_a_name_and_what_it_likes(self) -> None:
        """Show a person."""
        UserPreference.objects.create(
            vi_user_id=self.person,
            category="drinks",
            preference_key="tea",
            preference_value="oolong",
        )

        response = self.client.get(f"/people/{self.person}/")

        assert response.json() == {
            "name": "Ada",
            "relationship": "acquaintance",
            "likes": {"tea": "oolong"},
        }

    def test_memories_when_recalled_begin_with_the_most_salient(self) -> None:
        """Recall a layer."""
        for content, salience in (("a walk", 0.2), ("a wedding", 0.9)):
            MultiDimensionalMemory.objects.create(
                vi_user_id=self.person, layer="episodic", content=content, salience=salience
            )

        response = self.client.get(f"/people/{self.person}/memories/episodic/")

        assert response.json() == {"memories": ["a wedding", "a walk"]}

    def test_account_when_it_signs_in_twice_is_one(self) -> None:
        """Sign in twice."""
        for _ in range(2):
            self.client.post(f"/people/{self.person}/accounts/github/ada/")

        assert UserIdentityMap.objects.get().provider_user_id == "ada"
