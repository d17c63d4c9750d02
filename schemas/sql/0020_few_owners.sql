-- Farms of few owners: an auditor who could not tell may render the unit, and a unit that nobody can audit is rendered again.

alter table replicas add instead_of_audits boolean not null default false;  -- nobody who was connected could audit the unit
