-- What operators decide about owners, over the trust engine.

create table overrules (
  id bigint generated always as identity primary key,
  owner text not null references owners,
  action text not null check (action in ('readmit', 'ban')),
  operator text not null check (operator <> ''),
  reason text not null check (reason <> ''),
  ordered_at timestamptz not null default clock_timestamp()
);
comment on table overrules is 'writer: dispatcher (gateway). Only added to: the audit record of what operators ordered.';

create table overrules_done (
  overrule bigint primary key references overrules,
  state_before text not null,
  done_at timestamptz not null default clock_timestamp()
);
comment on table overrules_done is 'writer: verifier. Which of them were carried out.';
