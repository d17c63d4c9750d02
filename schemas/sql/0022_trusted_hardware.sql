-- Trusted hardware: machines of owners whom an operator appointed. They settle what volunteers cannot, and do nothing else.

alter table trust add trusted boolean not null default false;  -- by an operator's order; it counts while the state is active
create index trust_trusted on trust (owner) where trusted;

alter table overrules
  drop constraint overrules_action_check,
  add constraint overrules_action_check check (action in ('readmit', 'ban', 'appoint', 'relieve'));

-- Of 0 tiles: the whole picture, rendered again.
alter table audits
  add trusted boolean not null default false,  -- for trusted hardware alone
  drop constraint audits_tiles_check,
  add constraint audits_tiles_check check (tiles > 0 or (tiles = 0 and trusted));

-- Trusted hardware may look at a unit as often as it is asked to: invariant 2 is about volunteers.
alter table replicas add trusted boolean not null default false;
alter table results add trusted boolean not null default false;
drop index replicas_one_per_owner;
create unique index replicas_one_per_owner on replicas (unit, owner) where state in ('leased', 'reported') and not trusted;
drop index results_one_per_owner;
create unique index results_one_per_owner on results (unit, owner) where outcome <> 'void' and not trusted;
