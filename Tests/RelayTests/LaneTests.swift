import Relay
import Testing

@Suite struct LaneTests {
    private static let minute: Int64 = 60_000
    private static let key = DeliveryKey(rawValue: 1)

    private func lane(concurrency: Int = 8, fresh: Range<Int64> = 0..<0) -> Lane {
        var lane = Lane(concurrency: concurrency, identity: [7], now: .at(0))
        for key in fresh { _ = lane.offer(Fixture.delivery(key: key), now: .at(0)) }
        return lane
    }

    private func lease(_ keys: Range<Int64>, hasMore: Bool = false, nextDue: Timestamp? = nil) -> Lease {
        Lease(deliveries: keys.map { Fixture.delivery(key: $0) }, hasMore: hasMore, nextDue: nextDue)
    }

    /// Sends one delivery and hears how it ended.
    @discardableResult
    private func attempt(
        _ outcome: Outcome, on lane: inout Lane, waitMilliseconds: Int64? = nil, at now: Timestamp
    ) -> Bool {
        guard let delivery = lane.take(now: now) else { return false }
        lane.heard(
            Fixture.judgement(outcome), of: delivery.key, waitMilliseconds: waitMilliseconds, now: now)
        lane.freed()
        return true
    }

    private func heldLane(at now: Timestamp = .at(0)) -> Lane {
        var lane = lane(fresh: 0..<100)
        for _ in 0..<2 { attempt(.held, on: &lane, at: now) }
        return lane
    }

    // MARK: Concurrency and turns

    @Test func takesNoMoreThanItsConcurrency() {
        var lane = lane(concurrency: 2, fresh: 0..<5)
        #expect(lane.take(now: .at(0)) != nil)
        #expect(lane.take(now: .at(0)) != nil)
        #expect(lane.take(now: .at(0)) == nil)
        lane.freed()
        #expect(lane.take(now: .at(0)) != nil)
    }

    @Test func lowerConcurrencyWaitsForWhatIsInFlight() {
        var lane = lane(concurrency: 4, fresh: 0..<9)
        for _ in 0..<4 { _ = lane.take(now: .at(0)) }
        lane.concurrency = 1
        for _ in 0..<3 { lane.freed() }
        #expect(lane.take(now: .at(0)) == nil)
        lane.freed()
        #expect(lane.take(now: .at(0)) != nil)
    }

    @Test func freshAndLeasedTakeTurns() {
        var lane = lane(concurrency: 99, fresh: 0..<3)
        _ = lane.wantsLease(now: .at(0))
        lane.leased(lease(10..<15), now: .at(0))
        var keys: [Int64] = []
        while let next = lane.take(now: .at(0)) { keys.append(next.key.rawValue) }
        #expect(keys == [10, 0, 11, 1, 12, 2, 13, 14])
    }

    @Test func windowFullOfFreshOnesStillLeasesTheBacklog() {
        var lane = lane()
        var key: Int64 = 0
        while lane.offer(Fixture.delivery(key: key), now: .at(0)) { key += 1 }
        #expect(key > 0 && key <= Lane.window)
        #expect(lane.wantsLease(now: .at(0)) != nil)
    }

    // MARK: Window

    @Test func windowIsBoundedInCount() {
        var lane = lane()
        var waiting = 0
        for _ in 0..<10 {
            for key in 0..<Int64(Lane.window) where lane.offer(Fixture.delivery(key: key), now: .at(0)) { waiting += 1 }
            guard let limit = lane.wantsLease(now: .at(0))?.limit else { continue }
            lane.leased(lease(0..<Int64(limit), hasMore: true), now: .at(0))
            waiting += limit
        }
        #expect(waiting <= Lane.window)
        #expect(lane.drain().count == waiting)
        #expect(lane.drain().count == 0)
    }

    @Test func windowIsBoundedInBytes() {
        var lane = lane()
        let big = Lane.windowBytes / 4
        var offered = 0
        while lane.offer(Fixture.delivery(bytes: big), now: .at(0)) { offered += 1 }
        #expect(offered == 4)
        _ = lane.wantsLease(now: .at(0))
        let deliveries = (0..<4).map { Fixture.delivery(key: $0, bytes: big) }
        lane.leased(Lease(deliveries: deliveries, hasMore: true, nextDue: nil), now: .at(0))
        #expect(lane.wantsLease(now: .at(0)) == nil)
        _ = lane.take(now: .at(0))
        #expect(lane.wantsLease(now: .at(0)) != nil)
    }

    @Test func refusedOfferIsLookedForInTheStore() {
        var lane = lane()
        _ = lane.wantsLease(now: .at(0))
        lane.leased(lease(0..<0), now: .at(0))
        #expect(lane.wantsLease(now: .at(0)) == nil)
        while lane.offer(Fixture.delivery(), now: .at(0)) {}
        #expect(lane.wantsLease(now: .at(0)) != nil)
    }

    @Test func aLaneThatIsNotOpenLeavesWhatIsNewToTheStore() {
        var lane = lane()
        lane.stops.carryOut(.pause, now: .at(0))
        let whilePaused = lane.offer(Fixture.delivery(), now: .at(0))
        lane.stops.carryOut(.resume, now: .at(1))
        let afterwards = lane.offer(Fixture.delivery(), now: .at(1))
        #expect(!whilePaused && afterwards)
    }

    // MARK: Leasing

    @Test func oneLeaseAtATime() {
        var lane = lane()
        #expect(lane.wantsLease(now: .at(0))?.limit == Lane.lowWater)
        lane.wake()
        #expect(lane.wantsLease(now: .at(0)) == nil)
        lane.leased(lease(0..<0), now: .at(0))
        #expect(lane.wantsLease(now: .at(0))?.limit == Lane.lowWater)
    }

    @Test func deferredOnesAreLeasedWhenDue() {
        var lane = lane()
        _ = lane.wantsLease(now: .at(0))
        lane.leased(lease(0..<0, nextDue: .at(9000)), now: .at(0))
        lane.deferred(until: .at(5000), now: .at(0))
        #expect(lane.wantsLease(now: .at(4999)) == nil)
        #expect(lane.wantsLease(now: .at(5000)) != nil)
        lane.leased(lease(0..<1, nextDue: .at(9000)), now: .at(5000))
        #expect(lane.wantsLease(now: .at(8999)) == nil)
        #expect(lane.wantsLease(now: .at(9000)) != nil)
    }

    @Test func failedLeaseIsTriedAgainAfterASecond() {
        var lane = lane()
        _ = lane.wantsLease(now: .at(0))
        lane.leaseFailed(now: .at(0))
        #expect(lane.wantsLease(now: .at(999)) == nil)
        #expect(lane.wantsLease(now: .at(1000)) != nil)
    }

    @Test func abandonedDeliveryIsLookedForAgain() {
        var lane = lane(concurrency: 1)
        _ = lane.wantsLease(now: .at(0))
        lane.leased(lease(0..<1), now: .at(0))
        _ = lane.take(now: .at(0))
        lane.abandoned(now: .at(0))
        #expect(lane.inFlight == 0)
        #expect(lane.wantsLease(now: .at(999)) == nil)
        #expect(lane.wantsLease(now: .at(1000)) != nil)
    }

    // MARK: Pause and hold

    @Test func wishOfOneAnswerPausesTheWholeLane() {
        var lane = lane(fresh: 0..<5)
        attempt(.retry, on: &lane, waitMilliseconds: 30_000, at: .at(0))
        #expect(lane.take(now: .at(29_999)) == nil)
        #expect(lane.take(now: .at(30_000)) != nil)
    }

    // MARK: Slow start

    /// Sends all that goes at once, and says how many that were.
    private func round(_ outcome: Outcome = .delivered, on lane: inout Lane, at now: Timestamp) -> Int {
        var count = 0
        while lane.take(now: now) != nil { count += 1 }
        for _ in 0..<count {
            lane.heard(Fixture.judgement(outcome), of: Self.key, waitMilliseconds: nil, now: now)
            lane.freed()
        }
        return count
    }

    @Test func pauseEndsInASlowStart() {
        var lane = lane(concurrency: 8, fresh: 0..<99)
        #expect(round(on: &lane, at: .at(0)) == 8)
        attempt(.retry, on: &lane, waitMilliseconds: 5000, at: .at(0))
        #expect((0..<5).map { _ in round(on: &lane, at: .at(5000)) } == [1, 2, 4, 8, 8])
    }

    @Test(arguments: [Outcome.delivered, .dead])
    func holdEndsInASlowStart(outcome: Outcome) {
        var lane = heldLane()
        #expect(round(outcome, on: &lane, at: .at(5 * Self.minute)) == 1)
        #expect((0..<4).map { _ in round(on: &lane, at: .at(5 * Self.minute)) } == [2, 4, 8, 8])
    }

    @Test func changedDestinationThatWasHeldBeginsSlowly() {
        var lane = heldLane()
        lane.stops.serve([1], now: .at(0))
        #expect((0..<3).map { _ in round(on: &lane, at: .at(0)) } == [1, 2, 4])
    }

    @Test func failuresDoNotSpeedUpTheStart() {
        var lane = lane(concurrency: 8, fresh: 0..<99)
        attempt(.retry, on: &lane, waitMilliseconds: 5000, at: .at(0))
        #expect((0..<3).map { _ in round(.retry, on: &lane, at: .at(5000)) } == [1, 1, 1])
    }

    @Test func whatWasUnderWayBeforeThePauseDoesNotSpeedUpTheStart() {
        var lane = lane(concurrency: 8, fresh: 0..<99)
        for _ in 0..<8 { _ = lane.take(now: .at(0)) }
        lane.heard(Fixture.judgement(.retry), of: Self.key, waitMilliseconds: 5000, now: .at(1))
        for _ in 0..<7 { lane.heard(Fixture.judgement(.delivered), of: Self.key, waitMilliseconds: nil, now: .at(2)) }
        for _ in 0..<8 { lane.freed() }
        #expect(round(on: &lane, at: .at(5001)) == 1)
    }

    @Test func longerOfTwoWishesHolds() {
        var lane = lane(fresh: 0..<5)
        _ = lane.take(now: .at(0))
        _ = lane.take(now: .at(0))
        lane.heard(Fixture.judgement(.retry), of: Self.key, waitMilliseconds: 30_000, now: .at(0))
        lane.heard(Fixture.judgement(.retry), of: Self.key, waitMilliseconds: 1000, now: .at(0))
        #expect(lane.take(now: .at(29_999)) == nil)
    }

    @Test func oneHeldOutcomeDoesNotHoldAndASuccessForgetsIt() {
        var lane = lane(fresh: 0..<9)
        for outcome in [Outcome.held, .delivered, .held, .dead, .held] { attempt(outcome, on: &lane, at: .at(0)) }
        #expect(!lane.stops.isHeld)
        attempt(.held, on: &lane, at: .at(0))
        #expect(lane.stops.isHeld)
    }

    @Test(arguments: [Outcome.held, .retry])
    func probesGoAfterFiveFifteenAndSixtyMinutes(outcome: Outcome) {
        var lane = heldLane()
        var now = Timestamp.at(0)
        for wait in [5, 15, 60, 60] {
            now = now.advanced(byMilliseconds: Int64(wait) * Self.minute)
            #expect(lane.take(now: now.advanced(byMilliseconds: -1)) == nil)
            #expect(attempt(outcome, on: &lane, at: now) == true)
        }
        #expect(lane.stops.isHeld)
    }

    @Test func heldLaneSendsOneProbeAtATime() {
        var lane = heldLane()
        #expect(lane.take(now: .at(5 * Self.minute)) != nil)
        #expect(lane.take(now: .at(5 * Self.minute)) == nil)
    }

    @Test func burstThatWasInFlightDoesNotLengthenTheFirstStep() {
        var lane = lane(concurrency: 8, fresh: 0..<20)
        let keys = (0..<8).compactMap { _ in lane.take(now: .at(0))?.key }
        for key in keys {
            lane.heard(Fixture.judgement(.held), of: key, waitMilliseconds: nil, now: .at(100))
            lane.freed()
        }
        #expect(lane.take(now: .at(100 + 5 * Self.minute)) != nil)
    }

    @Test(arguments: [Outcome.delivered, .dead])
    func probeThatGetsThroughOpensTheLane(outcome: Outcome) {
        var lane = heldLane()
        attempt(outcome, on: &lane, at: .at(5 * Self.minute))
        #expect(!lane.stops.isHeld)
        #expect(lane.take(now: .at(5 * Self.minute)) != nil)
        #expect(lane.take(now: .at(5 * Self.minute)) != nil)
    }

    @Test func heldLaneLeasesOneForItsProbeOnly() {
        var lane = heldLane()
        _ = lane.drain()
        #expect(lane.wantsLease(now: .at(1)) == nil)
        #expect(lane.wantsLease(now: .at(5 * Self.minute))?.limit == 1)
    }

    @Test func laneOfAnotherDestinationIsOpenAndKeepsItsDeliveries() {
        var lane = heldLane()
        lane.heard(Fixture.judgement(.retry), of: Self.key, waitMilliseconds: 60_000, now: .at(0))
        _ = lane.wantsLease(now: .at(5 * Self.minute))
        lane.stops.serve([1], now: .at(0))
        #expect(!lane.stops.isHeld)
        #expect(lane.take(now: .at(0)) != nil)
        #expect(lane.drain().count == 97)
    }

    @Test(arguments: [-31_622_400_000 as Int64, 31_622_400_000])
    func settingTheClockParksNothing(jump: Int64) {
        let now = Timestamp.at(jump)
        var held = heldLane()
        #expect(held.take(now: now) != nil)
        var paused = lane(fresh: 0..<5)
        attempt(.retry, on: &paused, waitMilliseconds: 30_000, at: .at(0))
        #expect(paused.take(now: now) != nil)
        var deferred = lane()
        _ = deferred.wantsLease(now: .at(0))
        deferred.leased(lease(0..<0, nextDue: .at(86_400_000)), now: .at(0))
        #expect(deferred.wantsLease(now: now) != nil)
        var failed = lane()
        _ = failed.wantsLease(now: .at(0))
        failed.leaseFailed(now: .at(0))
        #expect(failed.wantsLease(now: now) != nil)
    }
}
