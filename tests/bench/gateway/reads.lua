-- Mixed reads for wrk, as dashboards and command lines ask: WS_TOKEN, WS_JOBS (ids, one a line), WS_SCENE in the environment.
local token = os.getenv("WS_TOKEN")
local scene = os.getenv("WS_SCENE")
local jobs = {}
for line in io.lines(os.getenv("WS_JOBS")) do jobs[#jobs + 1] = line end

local threads = 0
local all = {}
function setup(thread)
  thread:set("seed", threads)
  threads = threads + 1
  all[#all + 1] = thread
end

function init(args)
  math.randomseed(seed)
  odd = 0
  wrk.headers["Authorization"] = "Bearer " .. token
end

function request()
  local job = jobs[math.random(#jobs)]
  local dice = math.random(100)
  if dice <= 35 then return wrk.format("GET", "/v1/jobs/" .. job) end
  if dice <= 60 then return wrk.format("GET", "/v1/jobs/" .. job .. "/frames?limit=50") end
  if dice <= 75 then return wrk.format("GET", "/v1/jobs?limit=20") end
  if dice <= 85 then return wrk.format("GET", "/v1/jobs/" .. job .. "/frames/1") end
  if dice <= 90 then return wrk.format("GET", "/v1/nodes?limit=20") end
  if dice <= 95 then return wrk.format("GET", "/v1/queue") end
  if dice <= 97 then return wrk.format("GET", "/v1/blobs/" .. scene) end
  if dice <= 99 then return wrk.format("GET", "/v1/owners?limit=20") end
  return wrk.format("GET", "/v1/figures?hours=1")
end

function response(status, headers, body)
  if status ~= 200 then odd = odd + 1 end
end

function done(summary, latency, requests)
  local wrong = 0
  for _, thread in ipairs(all) do wrong = wrong + thread:get("odd") end
  io.write(string.format('\n{"requests": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, "odd_answers": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, wrong,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
