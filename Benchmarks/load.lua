-- Walks a file of ready-made requests, all of one length; each thread has its own part of it, and at its end sends
-- nothing more (or begins anew, with LOAD_WRAP).
-- After `seconds` a connection sends nothing more and stays idle until wrk ends: every request sent is then answered.
-- Environment: LOAD_FILE, LOAD_RECORD (bytes of one request), LOAD_COUNT, LOAD_THREADS, LOAD_SECONDS, LOAD_WRAP.

local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } load_timespec;
int clock_gettime(int clock, load_timespec *time);
]]
local clock = ffi.new("load_timespec")
local function now()
    ffi.C.clock_gettime(0, clock) -- CLOCK_REALTIME, which nginx writes into its log too
    return tonumber(clock.seconds) + tonumber(clock.nanoseconds) * 1e-9
end

local record = tonumber(os.getenv("LOAD_RECORD"))
local seconds = tonumber(os.getenv("LOAD_SECONDS"))
local wraps = os.getenv("LOAD_WRAP") == "1"
local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

function init(arguments)
    count = math.floor(tonumber(os.getenv("LOAD_COUNT")) / tonumber(os.getenv("LOAD_THREADS")))
    local file = assert(io.open(os.getenv("LOAD_FILE"), "rb"))
    file:seek("set", number * count * record)
    requests = file:read(count * record)
    file:close()
    -- wrk asks its first thread for one request before the start, only to look at it.
    isTrial = number == 0
    sent, first, latest = 0, 0, 0
end

function request()
    if isTrial then
        isTrial = false
        return requests:sub(1, record)
    end
    local time = now()
    if first == 0 then first = time end
    if time - first >= seconds then return "" end
    if sent == count and not wraps then return "" end
    latest = time
    local start = (sent % count) * record
    sent = sent + 1
    return requests:sub(start + 1, start + record)
end

function done(summary, latency)
    local counts, earliest, latest = {}, math.huge, 0
    for _, thread in ipairs(threads) do
        table.insert(counts, thread:get("sent"))
        earliest = math.min(earliest, thread:get("first"))
        latest = math.max(latest, thread:get("latest"))
    end
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"answers": %d, "refused": %d, "socketErrors": %d, "timeouts": %d, "sent": [%s], "first": %.6f, '
            .. '"last": %.6f, "p50": %.3f, "p99": %.3f, "max": %.3f}\n',
        summary.requests, errors.status, errors.connect + errors.read + errors.write, errors.timeout,
        table.concat(counts, ", "), earliest, latest, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        latency.max / 1000))
end
