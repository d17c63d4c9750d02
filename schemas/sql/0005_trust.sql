-- What the trust engine believes of owners, and why.

alter table trust
  add ok double precision not null default 0,        -- discounted sums of good and bad weights
  add bad double precision not null default 0,
  add cusum double precision not null default 0,     -- in nats
  add malice double precision,                       -- probability that it cheats, as it was believed last
  add vetted boolean not null default false,
  add canaries_missed integer not null default 0,
  add state text not null default 'active' check (state in ('active', 'quarantined', 'banned')),
  add reason text not null default '',               -- of the state, for people
  add excluded_at timestamptz,
  add reviewed_at timestamptz;                       -- since when the units that rested on an excluded owner are looked at again
create index trust_unreviewed on trust (excluded_at) where state <> 'active' and reviewed_at is null;

create table trust_events (
  id bigint generated always as identity primary key,
  owner text not null references owners,
  kind text not null check (kind in ('checked', 'canary_missed', 'quarantined', 'banned', 'readmitted')),
  ok double precision not null default 0,            -- weights, with checked
  bad double precision not null default 0,
  unit bigint,
  lease text,
  reason text not null default '',
  happened_at timestamptz not null default clock_timestamp()
);
comment on table trust_events is 'writer: verifier. Only added to: the belief in an owner is the sum of its events.';
create index trust_events_by_owner on trust_events (owner, id);

create table trust_prior (
  id boolean primary key default true check (id),
  excluded bigint not null default 0,
  vetted bigint not null default 0
);
insert into trust_prior default values;
comment on table trust_prior is 'writer: verifier. What was learned of newcomers.';

alter table verdicts
  add policy text not null default '',               -- that decided, and what it had to do without
  add risk double precision;                         -- that the leading picture is wrong, where the policy asks
create index trust_excluded on trust (owner) where state <> 'active';
