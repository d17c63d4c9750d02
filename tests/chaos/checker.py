"""Proves the invariants of docs/architecture.md from the rows of a farm that has come to rest. Each query returns what breaks one."""

import hashlib
import pathlib
import re
import struct

# name: (what is promised, query that finds those who break it)
INVARIANTS = {
    "accepted_once": (
        "a unit has one final verdict at most, and an accepted one exactly one that accepted it and was not overturned since",
        """select unit::text, count(*)::text from verdicts where decision in ('accepted', 'failed') group by unit having count(*) > 1
           union all select u.id::text, 'accepted without a verdict' from units u where u.state = 'accepted'
             and not exists (select from verdicts v where v.unit = u.id and v.decision = 'accepted')"""),
    "verdicts_reached_the_units": (
        "what was decided about a unit is its state",
        """select u.id::text, u.state || ' but ' || v.decision from units u join verdicts v on v.unit = u.id
            where v.decision in ('accepted', 'failed') and u.state not in (v.decision, 'cancelled', 'replaced')
              and not exists (select from verdicts o where o.unit = u.id and o.decision = 'overturned')"""),
    "one_output_a_frame": (
        "an accepted frame has one output, and an output comes from a verdict",
        """select u.id::text, 'no output of frame ' || f from units u, generate_series(u.frame, u.last_frame, u.frame_step) f
            where u.state = 'accepted' and (u.shard = '' or u.frames > 1)
             and not exists (select from outputs o where o.job = u.job and o.frame = f)
           union all select job || '/' || frame, count(*)::text from outputs group by job, frame having count(*) > 1
           union all select o.job || '/' || o.frame, 'no verdict accepted it' from outputs o
            where not exists (select from divided_frames d where d.job = o.job and d.frame = o.frame)
              and not exists (select from verdicts v where v.unit = o.unit and v.decision = 'accepted')"""),
    "output_is_what_was_accepted": (
        "the artist gets the picture that the verdict accepted and that somebody rendered",
        """select o.job || '/' || o.frame, o.artifact from outputs o
            where not exists (select from divided_frames d where d.job = o.job and d.frame = o.frame)
              and not exists (select from units u where u.id = o.unit and u.frames > 1) -- bundles: check()
              and (not exists (select from verdicts v where v.unit = o.unit and v.decision = 'accepted' and v.artifact = o.artifact)
                   or not exists (select from results r where r.unit = o.unit and r.artifact = o.artifact and r.judged = 'agreed'))"""),
    "owners_differ": (
        "the replicas of a unit go to different owners",
        """select unit::text, owner from results where outcome <> 'void' group by unit, owner having count(*) > 1
           union all select unit::text, owner from replicas where state in ('leased', 'reported') group by unit, owner having count(*) > 1"""),
    "credit_once": (
        "credit is written once for each result that an acceptance rests on, for nothing that disagreed, and what is taken back is what was earned",
        """select lease, 'earned ' || count(*) from ledger where kind = 'earned' and account = 'owner' group by lease having count(*) > 1
           union all select r.lease, 'agreed and not paid' from results r where r.judged = 'agreed' and r.render_seconds > 0
             and not exists (select from ledger l where l.lease = r.lease and l.kind = 'earned')
             -- Who came after the acceptance and drew the same is not paid, unless he was asked.
             and not exists (select from verdicts v join verdicts f on f.unit = v.unit and f.decision = 'accepted'
                              where v.lease = r.lease and f.decided_at < v.decided_at)
           union all select l.lease, 'paid though ' || r.judged from ledger l join results r using (lease)
            where l.kind = 'earned' and l.account = 'owner' and r.judged not in ('agreed')
              and not exists (select from ledger b where b.lease = l.lease and b.kind = 'reversed')
           union all select r.lease, 'not what was earned' from postings r where r.kind = 'reversed' and not exists (
             select from postings e where e.lease = r.lease and e.kind = 'earned' and e.owner = r.owner and e.job = r.job
                and e.amount_ms = -r.amount_ms)"""),
    "every_result_is_judged_once": (
        "every result has one verdict, and every verdict was published",
        """select r.lease, 'no verdict' from results r where not exists (select from verdicts v where v.lease = r.lease)
           union all select lease, 'not published' from verdicts where published_at is null"""),
    "jobs_are_done_when_their_units_are": (
        "a job is completed exactly when all of its frames are accepted, and nothing of it is left open",
        """select id, state || ' with ' || frames_accepted || ' of ' || frames_total from jobs
            where (state = 'completed') <> (frames_accepted = frames_total)
           union all select j.id, 'outputs ' || count(o.*) || ' of ' || j.frames_total from jobs j left join outputs o on o.job = j.id
            where j.state = 'completed' group by j.id having count(o.*) <> j.frames_total
           union all select u.job, 'open unit ' || u.id from units u join jobs j on j.id = u.job
            where u.state = 'open' and j.state in ('completed', 'failed', 'cancelled')"""),
    "nothing_is_leased_for_nothing": (
        "no lease outlives the job it was for, but those of canaries and doubts",
        """select p.lease, j.id from replicas p join units u on u.id = p.unit join jobs j on j.id = u.job
            where p.state = 'leased' and j.state in ('failed', 'cancelled')"""),
}


# Of units of several frames: the accepted bundle, and their outputs in the order of the frames. What was overturned since is left out.
BUNDLES = """
  select v.artifact || ' ' || string_agg(o.artifact, ' ' order by o.frame) from units u
    join verdicts v on v.unit = u.id and v.decision = 'accepted' join outputs o on o.unit = u.id
   where u.frames > 1 and not exists (select from verdicts w where w.unit = u.id and w.decision = 'overturned')
   group by u.id, v.artifact"""


def images_in(bundle):
    """The hashes of the images in a bundle (shared/image/bundle.h)."""
    magic, count = struct.unpack_from("<4sI", bundle)
    assert magic == b"WSFB", magic
    at, hashes = 8 + 8 * count, []
    for size in struct.unpack_from(f"<{count}Q", bundle, 8):
        hashes.append(hashlib.sha256(bundle[at:at + size]).hexdigest())
        at += size
    return hashes


def rows_that_break(psql):
    """{invariant: rows that break it}, by one query."""
    parts = [f"select concat_ws('|', '{name}', q.a, q.b) from ({query}) q(a, b)" for name, (_, query) in INVARIANTS.items()]
    found = {}
    for line in psql(" union all ".join(parts)).splitlines():
        name, *row = line.split("|")
        found.setdefault(name, []).append(tuple(row))
    return found


def stored_results(logs):
    """The leases whose results agents were told are stored."""
    return {lease for log in pathlib.Path(logs).glob("agent-*.log")
            for lease in re.findall(r"result stored lease=(\S+)", log.read_text(errors="replace"))}


def check(psql, blobs=None, jobs=(), fetched=(), acknowledged=()):
    """{invariant: what breaks it}. `jobs`: whose ids an artist was told; `fetched`: (job, frame, SHA-256 of the file) that he got;
    `acknowledged`: leases whose results agents were told are stored."""
    found = rows_that_break(psql)
    known = set(psql("select id from jobs").split())
    if lost := [job for job in jobs if job not in known]:
        found["no_job_is_lost"] = lost
    outputs = dict(line.rsplit("|", 1) for line in psql("select job || '|' || frame || '|' || artifact from outputs").splitlines())
    if wrong := [one for one in fetched if outputs.get(f"{one[0]}|{one[1]}") != one[2]]:
        found["the_artist_got_what_was_accepted"] = wrong
    if acknowledged:
        stored = set(psql("select lease from results").split())
        if lost := sorted(set(acknowledged) - stored):
            found["no_acknowledged_result_is_lost"] = lost
    if blobs:
        for line in psql(BUNDLES).splitlines():
            bundle, *pictures = line.split()
            if images_in((pathlib.Path(blobs) / bundle[:2] / bundle).read_bytes()) != pictures:
                found.setdefault("output_is_what_was_accepted", []).append(bundle)
        for artifact in set(outputs.values()) | set(psql("select scene from jobs").split()):
            path = pathlib.Path(blobs) / artifact[:2] / artifact
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != artifact:
                found.setdefault("blobs_are_what_their_names_say", []).append(artifact)
    return found
