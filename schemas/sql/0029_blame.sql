-- How many leases of a unit ran out: what was handed back, taken from an excluded owner or superseded speaks against nobody.

alter table units add expiries integer not null default 0 check (expiries >= 0);

-- A job that ended while it was paused could not be resumed, and its doubts waited for that.
update jobs set paused = false where paused and state in ('completed', 'failed');
