-- Accepted units of which the trust engine wants further replicas.

create table reissues (
  id bigint generated always as identity primary key,
  unit bigint not null references units,
  kind text not null check (kind in ('canary', 'doubt')),
  wanted smallint not null,                          -- counted opinions of the unit in all
  state text not null default 'open' check (state in ('open', 'confirmed', 'missed', 'overturned', 'unresolved')),
  reason text not null default '',                   -- for people
  made_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
comment on table reissues is 'writer: verifier. Canaries: is the owner honest? Doubts: is the accepted picture right? The dispatcher hands out what is open.';
create unique index reissues_open_once on reissues (unit) where state = 'open';
create index reissues_by_unit on reissues (unit);

alter table verdicts
  drop constraint verdicts_decision_check,
  add constraint verdicts_decision_check
    check (decision in ('pending', 'accepted', 'more_replicas', 'failed', 'overturned'));
create index verdicts_overturned on verdicts (unit, decided_at) where decision = 'overturned';
-- For the units that rested on an owner.
create index results_by_owner on results (owner);
