-- SPDX-License-Identifier: Apache-2.0
-- Load for wrk. Arguments after `--`: mode, method, file of targets, bytes of body, header, value.
--   cycle   each thread repeats the targets of FILE, starting at a place of its own
--   once    each thread reads FILE.<thread> once, then removes it and stops
--   fixed   each thread repeats one target of FILE; costs nothing per request, so bodies may be large
-- When all is done, one line: RESULT requests microseconds bytes failures p50 p99 mean (latencies in microseconds).

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

local requests, position = {}, 0
local source, lines, first, last, repeats, method, body, headers

local function format(target)
    return wrk.format(method, target, headers, body)
end

-- With a body they would fill the memory, so they are made anew each time.
local function next_of_cycle()
    position = position % #requests + 1
    return body and format(requests[position]) or requests[position]
end

-- A thread that stops drops the replies it still waits for, so the last request is sent
-- again until those before it were surely answered.
local function next_of_file()
    if not last then -- wrk asks once for a request that it only looks at
        first = format(lines())
        last = first
        return first
    elseif first then
        first = nil
        return last
    end
    local line = lines and lines()
    if line then
        last = format(line)
    else
        lines = nil -- an exhausted file must not be asked again
        repeats = repeats + 1
        if repeats == 256 then os.remove(source) end
        if repeats >= 256 then wrk.thread:stop() end
    end
    return last
end

function init(args)
    local mode, file, bytes = args[1], args[3], tonumber(args[4] or "0")
    method = args[2]
    body = bytes > 0 and string.rep("0123456789abcdef", bytes / 16) or nil
    headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    if args[5] then headers[args[5]] = args[6] end
    if mode == "once" then
        source, repeats = file .. "." .. number, 0
        lines = io.lines(source)
        request = next_of_file
    elseif mode == "cycle" then
        for line in io.lines(file) do requests[#requests + 1] = body and line or format(line) end
        position = math.floor(#requests / 2) * number
        request = next_of_cycle
    else
        local targets = {}
        for line in io.lines(file) do targets[#targets + 1] = line end
        wrk.method, wrk.path, wrk.body, wrk.headers = method, targets[number % #targets + 1], body, headers
    end
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
        e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99), latency.mean))
end
