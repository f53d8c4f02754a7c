"""How a warehouse comes to the schema of this version: revisions (Alembic), views, and who may do what.

`running` decides and runs, `access` holds roles, grants and policies, `versions` the revisions. Changed tables need a new
revision; views and access follow from their declarations and are made anew where these changed.
"""
