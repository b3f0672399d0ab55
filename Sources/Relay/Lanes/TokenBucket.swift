import DequeModule

/// How many requests a destination gets at most in a second, a minute or an hour.
package struct Rate: Sendable, Equatable {
    package let requests: Int
    package let periodMilliseconds: Int64

    package init(requests: Int, periodMilliseconds: Int64) {
        self.requests = requests
        self.periodMilliseconds = periodMilliseconds
    }
}

/// The tokens of a rate: a request takes one, and it comes back one period after the request's end.
///
/// So no window of one period holds more requests than the rate says, at the receiver too, however long each was on
/// its way. A bucket that fills drop by drop would let twice as many through in the first period.
struct TokenBucket: Sendable {
    var rate: Rate
    private var taken = 0
    private var returns: Deque<Timestamp> = []

    init(_ rate: Rate) { self.rate = rate }

    /// From when a token is there again; nil where one is there now, or where all belong to requests on their way.
    func refill(now: Timestamp) -> Timestamp? {
        guard taken + returns.count >= rate.requests, let next = returns.first, next > now else { return nil }
        return min(next, latestReturn(now))
    }

    /// False where none is left.
    mutating func take(now: Timestamp) -> Bool {
        pullForward(now)
        while let next = returns.first, next <= now { returns.removeFirst() }
        guard taken + returns.count < rate.requests else { return false }
        taken += 1
        return true
    }

    /// Notes that a request has ended; one that was sent before there was a rate has taken no token.
    mutating func ended(now: Timestamp) {
        pullForward(now)
        taken = max(0, taken - 1)
        returns.append(latestReturn(now))
    }

    /// Puts a token back with which nothing was sent.
    mutating func unused() { taken = max(0, taken - 1) }

    /// After a clock was set back, or a rate has got a shorter period, no token stays away for longer than a period
    /// from now; nor does one come back at once, as its request may just have ended.
    private mutating func pullForward(_ now: Timestamp) {
        let latest = latestReturn(now)
        // They are in order of time, so those that are too far off are the last ones.
        for index in returns.indices.reversed() {
            guard returns[index] > latest else { return }
            returns[index] = latest
        }
    }

    /// When the token of a request that ends now comes back: one millisecond more than the period, since the clock cuts
    /// off what is less.
    private func latestReturn(_ now: Timestamp) -> Timestamp {
        now.advanced(byMilliseconds: rate.periodMilliseconds + 1)
    }
}
