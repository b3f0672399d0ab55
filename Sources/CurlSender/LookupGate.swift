/// Bounds the name look-ups under way: 2 a host and 32 in all.
///
/// A look-up cannot be stopped. libcurl gives up a transfer in time, but its thread lives on in getaddrinfo; with a
/// resolver that hangs, every new attempt would leave one more behind.
struct LookupGate {
    enum Verdict: Equatable {
        /// Go; whether it counts as a look-up, to be reported with `resolved` or `ended`.
        case go(isCounted: Bool)
        /// Ask again after the next report.
        case wait
        /// None that could make room is still expected.
        case refuse
    }

    private struct Host {
        /// Transfers which look the name up.
        var running = 0
        /// Look-ups of our own, see `NameLookup`.
        var inquiries = 0
        /// When each look-up that was left behind may be taken as ended.
        var leftBehindUntil: [Int64] = []
        /// Until then libcurl answers from its cache.
        var knownUntil = Int64.min

        var lookups: Int { running + inquiries + leftBehindUntil.count }
    }

    private var hosts: [String: Host] = [:]

    static let hostLimit = 2
    static let totalLimit = 32
    /// libcurl's default for CURLOPT_DNS_CACHE_TIMEOUT.
    static let knownMilliseconds: Int64 = 60_000
    /// Longer than resolv.conf(5)'s default of two rounds of 5 s over three servers, and for two search domains.
    static let leftBehindMilliseconds: Int64 = 60_000

    /// Asks for a transfer to a host; `now` is a monotonic time in milliseconds, as everywhere here.
    mutating func admit(_ host: String, now: Int64) -> Verdict {
        if let entry = hosts[host], now < entry.knownUntil { return .go(isCounted: false) }
        forgetLeftBehind(now: now)
        let entry = hosts[host, default: Host()]
        if entry.lookups >= LookupGate.hostLimit { return entry.running > 0 ? .wait : .refuse }
        if total >= LookupGate.totalLimit { return hosts.values.contains { $0.running > 0 } ? .wait : .refuse }
        hosts[host, default: Host()].running += 1
        return .go(isCounted: true)
    }

    /// A counted transfer has an address.
    mutating func resolved(_ host: String, now: Int64) {
        hosts[host, default: Host()].running -= 1
        hosts[host, default: Host()].knownUntil = now + LookupGate.knownMilliseconds
    }

    /// A transfer ended without an address. `isLeftBehind`: its look-up goes on.
    mutating func ended(_ host: String, isCounted: Bool, isLeftBehind: Bool, now: Int64) {
        if isCounted { hosts[host, default: Host()].running -= 1 }
        hosts[host, default: Host()].knownUntil = .min
        guard isLeftBehind else { return }
        hosts[host, default: Host()].leftBehindUntil.append(now + LookupGate.leftBehindMilliseconds)
    }

    /// Asks for a look-up of our own; `inquiryEnded` must follow where the answer is true.
    mutating func beginInquiry(_ host: String, now: Int64) -> Bool {
        forgetLeftBehind(now: now)
        guard hosts[host, default: Host()].lookups < LookupGate.hostLimit, total < LookupGate.totalLimit else {
            return false
        }
        hosts[host, default: Host()].inquiries += 1
        return true
    }

    mutating func inquiryEnded(_ host: String) { hosts[host, default: Host()].inquiries -= 1 }

    private var total: Int { hosts.values.reduce(0) { $0 + $1.lookups } }

    private mutating func forgetLeftBehind(now: Int64) {
        for (host, entry) in hosts where !entry.leftBehindUntil.isEmpty {
            hosts[host, default: Host()].leftBehindUntil.removeAll { $0 <= now }
        }
    }
}
