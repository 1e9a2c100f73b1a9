"""dbt as the platform uses it: its vars from the settings, its manifest, its runs, its docs.

The SQL is in `dbt_project/`. `project` says where everything is and keeps the manifest fresh,
`build` runs it, `due` says which days of which marts need it.
"""
