/// What happens to a delivery after an attempt. Pure: time and chance come in.
package enum RetryPolicy {
    package enum Decision: Sendable, Equatable {
        case delivered
        case retry(at: Timestamp, charged: Bool)
        case dead(DeadLetter.Reason)
    }

    /// Waits between the tries of a delivery that its destination holds: 5, 15, then 60 minutes.
    package static let heldWaitsMilliseconds: [Int64] = [5, 15, 60].map { $0 * 60_000 }

    /// Decides by the judgement, the schedule and both budgets.
    ///
    /// - Parameters:
    ///   - heldStep: how many held outcomes in a row the destination has given before this one.
    ///   - retryAfterMilliseconds: what the destination asked for, already capped.
    ///   - jitter: a factor from 0.8 to 1.2.
    package static func decide(
        _ judgement: Judgement, delivery: Delivery, schedule: RetrySchedule, heldStep: Int,
        retryAfterMilliseconds: Int64?, now: Timestamp, jitter: Double
    ) -> Decision {
        switch judgement.outcome {
        case .delivered: .delivered
        case .dead:
            .dead(DeadLetter.Reason(code: judgement.code, text: judgement.text, advice: judgement.advice))
        case .held:
            .retry(
                at: now.advanced(byMilliseconds: heldWaitsMilliseconds[min(heldStep, heldWaitsMilliseconds.count - 1)]),
                charged: false)
        case .retry:
            next(
                judgement, delivery: delivery, schedule: schedule, retryAfterMilliseconds: retryAfterMilliseconds,
                now: now, jitter: jitter)
        }
    }

    private static func next(
        _ judgement: Judgement, delivery: Delivery, schedule: RetrySchedule, retryAfterMilliseconds: Int64?,
        now: Timestamp, jitter: Double
    ) -> Decision {
        guard delivery.attempts < schedule.waitsMilliseconds.count else {
            return exhausted("attempts_exhausted", "all \(delivery.attempts + 1) attempts failed", judgement)
        }
        let wait = Double(schedule.waitsMilliseconds[delivery.attempts]) * jitter
        let due = now.advanced(byMilliseconds: max(Int64(wait), retryAfterMilliseconds ?? 0))
        let end = delivery.startedAt.advanced(byMilliseconds: schedule.budgetMilliseconds)
        guard due <= end else { return exhausted("expired", "its time is used up", judgement) }
        return .retry(at: due, charged: true)
    }

    private static func exhausted(_ code: String, _ text: String, _ last: Judgement) -> Decision {
        .dead(
            DeadLetter.Reason(
                code: code, text: "\(text); at last \(last.text)",
                advice: "Once the destination works again, redrive it."))
    }
}
