"""The statements that a project's code sends, recorded while its tests run, as a contract.

``record`` writes them down; ``check`` asks a server which of them a schema breaks.
"""
