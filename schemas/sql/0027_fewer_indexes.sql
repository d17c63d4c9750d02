-- A replica's state is part of the conditions of its indexes, so each report writes all of them anew: one less now.

-- One for the replicas of a unit and for invariant 2: of an owner's replicas of a unit one counts, the others are told apart
-- by their leases; trusted hardware's all are.
drop index replicas_by_unit;
drop index replicas_one_per_owner;
create unique index replicas_one_per_owner on replicas
  (unit, owner, (case when state in ('leased', 'reported') and not trusted then '' else lease end));

-- One for a pair and for the pairs of a unit.
drop index comparisons_by_unit;
alter table comparisons drop constraint comparisons_pkey, add primary key (unit, lease_a, lease_b);
