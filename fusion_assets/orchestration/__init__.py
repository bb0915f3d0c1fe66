"""All of Dagster that no system owns: partitions, IO managers, engine assets, sensors, jobs, the instance.

It knows of systems what they say of themselves, never which there are.
"""
