import Relay
import Testing

@Suite struct RetryPolicyTests {
    private static let waitsSeconds: [Int64] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]

    private func decide(
        _ outcome: Outcome, attempts: Int = 0, startedAt: Timestamp = .at(0), schedule: RetrySchedule = .standard,
        isHeld: Bool = false, dueAt: Timestamp? = nil, waitMilliseconds: Int64? = nil, now: Timestamp = .at(0),
        jitter: Double = 1
    ) -> RetryPolicy.Decision {
        let judgement = OutcomePolicy.judge(
            .response(Fixture.response(503)),
            for: Fixture.destination(overrides: OutcomeOverrides(exact: [503: outcome])), now: now)
        return RetryPolicy.decide(
            judgement, delivery: Fixture.delivery(attempts: attempts, startedAt: startedAt, dueAt: dueAt),
            schedule: schedule, isHeld: isHeld, waitMilliseconds: waitMilliseconds,
            ageMilliseconds: now.milliseconds(since: startedAt), now: now, jitter: jitter)
    }

    private func reason(_ decision: RetryPolicy.Decision) -> StopReason? {
        if case .dead(let reason) = decision { reason } else { nil }
    }

    @Test(arguments: 0..<9, [0.8, 1, 1.2])
    func retryFollowsTheScheduleWithinJitter(attempts: Int, jitter: Double) {
        let wait = Int64(Double(Self.waitsSeconds[attempts] * 1000) * jitter)
        #expect(decide(.retry, attempts: attempts, jitter: jitter) == .retry(at: .at(wait), charged: true))
    }

    @Test func tenthFailureIsTheLast() {
        let reason = reason(decide(.retry, attempts: 9))
        #expect(reason?.code == "attempts_exhausted")
        #expect(reason?.text == "all 10 attempts failed; at last the destination answered 503")
    }

    @Test func lastTryComesAtTheEndOfTheBudgetNotAfterIt() {
        let schedule = RetrySchedule(waitsMilliseconds: [5000, 300_000], budgetMilliseconds: 10_000)
        #expect(
            decide(.retry, attempts: 1, schedule: schedule, now: .at(5000)) == .retry(at: .at(10_000), charged: true))
        #expect(reason(decide(.retry, attempts: 1, schedule: schedule, now: .at(10_000)))?.code == "expired")
    }

    /// With every step at +20 % the default schedule takes 90 h, its budget is 80 h.
    @Test func jitterNeverCostsAnAttemptOfTheDefaultSchedule() {
        var now = Timestamp.at(0)
        for attempts in 0..<9 {
            guard case .retry(let due, true) = decide(.retry, attempts: attempts, now: now, jitter: 1.2) else {
                Issue.record("died after \(attempts + 1) attempts")
                return
            }
            now = due
        }
        #expect(now == .at(80 * 3_600_000))
    }

    @Test func destinationsWishOnlyLengthensTheWait() {
        #expect(decide(.retry, waitMilliseconds: 60_000) == .retry(at: .at(60_000), charged: true))
        #expect(decide(.retry, attempts: 1, waitMilliseconds: 60_000) == .retry(at: .at(300_000), charged: true))
    }

    @Test func deadDiesAtOnceWithItsReason() {
        #expect(reason(decide(.dead))?.code == "status_503")
    }

    @Test func firstHeldOutcomeIsTriedAgainSoon() {
        #expect(decide(.held) == .retry(at: .at(5000), charged: true))
    }

    @Test(arguments: [Outcome.held, .retry])
    func probeOfAHeldLaneStaysDueAndIsNotCharged(outcome: Outcome) {
        let late = Timestamp.at(1_000_000_000)
        #expect(decide(outcome, attempts: 9, isHeld: true, now: late) == .retry(at: late, charged: false))
    }

    @Test(arguments: [Outcome.held, .retry])
    func probeBeforeItsTimeKeepsItAndIsNotCharged(outcome: Outcome) {
        let decision = decide(outcome, attempts: 9, dueAt: .at(70_000), now: .at(1000))
        #expect(decision == .retry(at: .at(70_000), charged: false))
        #expect(reason(decide(.dead, dueAt: .at(70_000)))?.code == "status_503")
    }

    @Test(arguments: [0, 5, 9, 20])
    func heldNeverDies(attempts: Int) {
        let decision = decide(.held, attempts: attempts, now: .at(.max / 2))
        #expect(reason(decision) == nil)
    }

    @Test(arguments: [
        (429, nil, Int64(5000)), (429, "7", 7000), (503, "120", 120_000), (422, "1", 1000), (503, nil, nil),
        (429, "soon", 5000), (503, "soon", nil),
    ])
    func laneWaitsForTooManyRequestsAndRetryAfter(status: Int, value: String?, expected: Int64?) {
        let headers = value.map { [OutgoingRequest.Header("retry-after", $0)] } ?? []
        let ending = AttemptResult.Ending.response(Fixture.response(status, headers: headers))
        #expect(RetryPolicy.laneWaitMilliseconds(ending, retryAfter: nil, now: .at(0)) == expected)
    }

    @Test func failedTransferAsksForNoLaneWait() {
        let ending = AttemptResult.Ending.failure(TransferFailure(.timeout, ""))
        #expect(RetryPolicy.laneWaitMilliseconds(ending, retryAfter: nil, now: .at(0)) == nil)
    }
}
