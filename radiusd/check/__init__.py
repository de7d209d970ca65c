"""`latchkey check`: what would keep this site from working, each with its remedy.

One function for each thing that can be wrong, in the tables of `site` (what the database says), `contents` (what it
should not hold) and `machine` (what is around it). Adding one is writing it there and putting it into the table.
"""
