-- Credit by double entry, a posting a row: what the owner gets the job pays, so no posting can be out of balance, and half of
-- the rows and the trigger that added them up are gone. The view `ledger` shows both sides.

create table postings (
  lease text not null,                               -- the result
  kind text not null check (kind in ('earned', 'reversed')),
  owner text not null,                               -- gets it
  job text not null,                                 -- pays it
  amount_ms bigint not null,                         -- render milliseconds; negative: taken back
  posted_at timestamptz not null default clock_timestamp(),
  primary key (lease, kind)
);
comment on table postings is 'writer: verifier. Only added to; each result earns once and is reversed once.';
insert into postings select lease, kind, owner, job, amount_ms, posted_at from ledger where account = 'owner';
create index postings_by_owner on postings (owner, posted_at);
create index postings_by_time on postings using brin (posted_at) with (autosummarize = on);

drop view credit;
drop table ledger;
drop function ledger_balances;
drop function ledger_is_final;

create function posting_is_final() returns trigger language plpgsql as $$
begin
  raise check_violation using message = 'postings are only added to';
end $$;
create trigger posting_is_final before update or delete or truncate on postings
  for each statement execute function posting_is_final();

create function reversal_is_of_what_was_earned() returns trigger language plpgsql as $$
begin
  if not exists (select from postings e where e.lease = new.lease and e.kind = 'earned' and e.owner = new.owner and
                        e.job = new.job and e.amount_ms = -new.amount_ms) then
    raise check_violation using message = 'a reversal is not of what was earned';
  end if;
  return new;
end $$;
create trigger reversal_is_of_what_was_earned before insert on postings
  for each row when (new.kind = 'reversed') execute function reversal_is_of_what_was_earned();

create view ledger as
  select lease, kind, account, owner, job, sign * amount_ms as amount_ms, posted_at
    from postings, (values ('owner', 1), ('job', -1)) x(account, sign);
comment on view ledger is 'Both sides of every posting: they sum up to zero.';

create view credit as
  select e.lease, e.owner, e.job, e.amount_ms / 1000.0::double precision as amount, e.posted_at as earned_at
    from postings e
   where e.kind = 'earned' and not exists (select from postings r where r.lease = e.lease and r.kind = 'reversed');
comment on view credit is 'What accepted work earned and was not taken back, once per result; in render seconds.';
