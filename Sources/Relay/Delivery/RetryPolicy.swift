/// What happens to a delivery after an attempt. Pure: time and chance come in.
package enum RetryPolicy {
    package enum Decision: Sendable, Equatable {
        case delivered
        case retry(at: Timestamp, charged: Bool)
        case dead(StopReason)
    }

    /// Waits before the probes of a held lane: 5, 15, then 60 minutes.
    package static let heldWaitsMilliseconds: [Int64] = [5, 15, longestHeldWaitMilliseconds / 60_000].map {
        $0 * 60_000
    }
    /// The last of these waits, which repeats.
    package static let longestHeldWaitMilliseconds: Int64 = 3_600_000
    /// How long a lane rests after a 429 that does not say how long.
    private static let tooManyRequestsMilliseconds: Int64 = 5000

    /// How long the destination wants nothing at all, in milliseconds; nil where it does not say so.
    ///
    /// - Parameter retryAfter: says it too, in seconds; the longer wait counts.
    package static func laneWaitMilliseconds(
        _ ending: AttemptResult.Ending, retryAfter: AnswerExpression?, now: Timestamp
    ) -> Int64? {
        guard case .response(let response) = ending else { return nil }
        let header = response.header("retry-after").flatMap { RetryAfter.milliseconds($0, now: now) }
        let answer = retryAfter.flatMap { milliseconds($0, response, now: now) }
        let fallback = response.status == 429 ? tooManyRequestsMilliseconds : nil
        return [header, answer].compactMap(\.self).max() ?? fallback
    }

    /// An answer without the keys that the expression names is no fault: most errors say nothing of a wait.
    private static func milliseconds(_ expression: AnswerExpression, _ response: Response, now: Timestamp) -> Int64? {
        var answer = AnswerReader(response, now: now)
        return answer.number(expression).flatMap { RetryAfter.milliseconds(seconds: $0) }
    }

    /// Decides by the judgement, the schedule and both budgets.
    ///
    /// - Parameters:
    ///   - isHeld: whether the lane is held now. Its probes pace everything then: the delivery stays due, so that it
    ///     goes out as soon as the lane opens, and the attempt is not charged.
    ///   - waitMilliseconds: how long the destination wants nothing, already capped.
    ///   - ageMilliseconds: for how long the budget in time has run, by the lane's clock.
    ///   - jitter: a factor from 0.8 to 1.2.
    package static func decide(
        _ judgement: Judgement, delivery: Delivery, schedule: RetrySchedule, isHeld: Bool,
        waitMilliseconds: Int64?, ageMilliseconds: Int64, now: Timestamp, jitter: Double
    ) -> Decision {
        let wait = waitMilliseconds ?? 0
        let step = step(after: delivery.attempts, schedule: schedule, jitter: jitter).map { max($0, wait) }
        switch judgement.outcome {
        case .delivered: return .delivered
        case .dead:
            return .dead(StopReason(judgement))
        case .held where isHeld, .retry where isHeld:
            return .retry(at: now.advanced(byMilliseconds: wait), charged: false)
        case .held where delivery.dueAt != nil, .retry where delivery.dueAt != nil:
            // It was tried before its time, to see how the destination is: its own schedule goes on.
            return .retry(at: delivery.dueAt ?? now, charged: false)
        case .held:
            // The destination is at fault, so its delivery never dies, but tries fall back like any others.
            guard let step else {
                return .retry(at: now.advanced(byMilliseconds: max(longestHeldWaitMilliseconds, wait)), charged: false)
            }
            return .retry(at: now.advanced(byMilliseconds: step), charged: true)
        case .retry:
            let left = schedule.budgetMilliseconds - ageMilliseconds
            return next(judgement, step: step, delivery: delivery, leftMilliseconds: left, now: now)
        }
    }

    /// The wait before the next attempt in milliseconds, nil where there was the last.
    private static func step(after attempts: Int, schedule: RetrySchedule, jitter: Double) -> Int64? {
        guard attempts < schedule.waitsMilliseconds.count else { return nil }
        return Int64(Double(schedule.waitsMilliseconds[attempts]) * jitter)
    }

    private static func next(
        _ judgement: Judgement, step: Int64?, delivery: Delivery, leftMilliseconds: Int64, now: Timestamp
    ) -> Decision {
        guard let step else {
            return exhausted("attempts_exhausted", "all \(delivery.attempts + 1) attempts failed", judgement)
        }
        guard leftMilliseconds > 0 else { return exhausted("expired", "its time is used up", judgement) }
        // Jitter may stretch the schedule beyond the budget: the last try then comes at its very end.
        return .retry(at: now.advanced(byMilliseconds: min(step, leftMilliseconds)), charged: true)
    }

    private static func exhausted(_ code: String, _ text: String, _ last: Judgement) -> Decision {
        .dead(
            StopReason(
                code: code, text: "\(text); at last \(last.text)",
                advice: "Once the destination works again, redrive it."))
    }
}
