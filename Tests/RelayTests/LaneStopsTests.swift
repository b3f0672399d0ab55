import Relay
import Testing

/// Held, down, paused: why a lane holds back, and what makes it go on.
@Suite struct LaneStopsTests {
    private static let minute: Int64 = 60_000
    private static let known = {
        var record = LaneRecord()
        record.identity = [7]
        return record
    }()

    private func lane(
        fresh: Range<Int64> = 0..<50, isOrdered: Bool = false, record: LaneRecord = known
    ) -> Lane {
        var lane = Lane(concurrency: 8, isOrdered: isOrdered, identity: [7], record: record, now: .at(0))
        _ = lane.wantsLease(now: .at(0))
        lane.leased(Lease(deliveries: [], hasMore: false, nextDue: nil), now: .at(0))
        let refused = fresh.map { Fixture.delivery(key: $0) }.filter { !lane.offer($0, now: .at(0)) }
        lane.leased(Lease(deliveries: refused, hasMore: false, nextDue: nil), now: .at(0))
        return lane
    }

    @discardableResult
    private func attempt(
        _ outcome: Outcome, isOutage: Bool = false, waits: Int64? = nil, on lane: inout Lane, at milliseconds: Int64
    ) -> Bool {
        guard let delivery = lane.take(now: .at(milliseconds)) else { return false }
        hear(outcome, isOutage: isOutage, waits: waits, of: delivery.key.rawValue, on: &lane, at: milliseconds)
        return true
    }

    private func hear(
        _ outcome: Outcome, isOutage: Bool = false, waits: Int64? = nil, of key: Int64, on lane: inout Lane,
        at milliseconds: Int64
    ) {
        lane.heard(
            Fixture.judgement(outcome, isOutage: isOutage), of: DeliveryKey(rawValue: key), waitMilliseconds: waits,
            now: .at(milliseconds))
        lane.freed()
    }

    private func change(_ lane: inout Lane) -> LaneStops.Change? { lane.stops.takeChange() }

    private func downLane() -> Lane {
        var lane = lane()
        for _ in 0..<5 { attempt(.retry, isOutage: true, on: &lane, at: 0) }
        return lane
    }

    // MARK: Held

    @Test func oneDeliveryRefusedTwiceSaysNothingWhileOthersWait() {
        var lane = lane()
        for _ in 0..<3 {
            _ = lane.take(now: .at(0))
            hear(.held, of: 1, on: &lane, at: 0)
        }
        #expect(lane.stops.state == .open)
        attempt(.held, on: &lane, at: 0)
        #expect(lane.stops.state == .held)
        #expect(lane.stops.reason == StopReason(code: "held", text: "it says held", advice: "mend it"))
    }

    @Test(arguments: [false, true])
    func onlyOneWaitingRefusedTwiceHoldsTheLane(isOrdered: Bool) {
        var lane = lane(fresh: 0..<0, isOrdered: isOrdered)
        for expected in [LaneStops.State.open, .held] {
            lane.leased(Lease(deliveries: [Fixture.delivery(key: 1)], hasMore: isOrdered, nextDue: nil), now: .at(0))
            attempt(.held, on: &lane, at: 0)
            #expect(lane.stops.state == expected)
        }
    }

    // MARK: Down

    @Test func fiveOutagesInARowMeanDown() {
        var lane = lane()
        for _ in 0..<4 { attempt(.retry, isOutage: true, on: &lane, at: 0) }
        attempt(.retry, on: &lane, at: 0)
        for _ in 0..<4 { attempt(.retry, isOutage: true, on: &lane, at: 0) }
        #expect(lane.stops.state == .open)
        attempt(.retry, isOutage: true, on: &lane, at: 0)
        #expect(lane.stops.state == .down)
        #expect(!attempt(.delivered, on: &lane, at: 0))
    }

    @Test func downLaneTriesOneAtATimeAfterFiveSecondsDoublingToFiveMinutes() {
        var lane = downLane()
        var now: Int64 = 0
        for wait in [5, 10, 20, 40, 80, 160, 300, 300] as [Int64] {
            now += wait * 1000
            #expect(!attempt(.retry, on: &lane, at: now - 1))
            let delivery = lane.take(now: .at(now))
            #expect(delivery != nil && lane.take(now: .at(now)) == nil)
            hear(.retry, isOutage: true, of: delivery?.key.rawValue ?? 0, on: &lane, at: now)
        }
    }

    @Test(arguments: [Outcome.delivered, .dead])
    func answerOpensADownLaneSlowlyAndMakesTheDeferredDue(outcome: Outcome) {
        var lane = downLane()
        #expect(change(&lane) == nil, "down is not kept on disk")
        attempt(outcome, on: &lane, at: 5000)
        #expect(lane.stops.state == .open)
        let told = change(&lane)
        #expect(told?.isOpened == true && told?.record == nil)
        #expect((0..<9).count { _ in lane.take(now: .at(5000)) != nil } == 2)
    }

    @Test func whatWasInFlightWhenItWentDownDoesNotLengthenTheWait() {
        var lane = lane()
        for _ in 0..<8 { _ = lane.take(now: .at(0)) }
        for key in 0..<8 as Range<Int64> { hear(.retry, isOutage: true, of: key, on: &lane, at: 100) }
        #expect(lane.stops.probeAt == .at(5100))
    }

    @Test func downLaneProbesWithOneThatIsNotDue() {
        var lane = downLane()
        _ = lane.drain()
        lane.deferred(until: .at(600_000), now: .at(0))
        #expect(lane.wantsLease(now: .at(4999)) == nil)
        let wish = lane.wantsLease(now: .at(5000))
        #expect(wish?.limit == 1 && wish?.isForProbe == true)
        lane.leased(Lease(deliveries: [], hasMore: false, nextDue: nil), now: .at(5000))
        #expect(lane.wantsLease(now: .at(9_000_000)) == nil, "nothing waits: there is nothing to probe with")
    }

    @Test func refusalEndsTheOutage() {
        var lane = downLane()
        attempt(.held, on: &lane, at: 5000)
        #expect(lane.stops.state == .open)
        attempt(.held, on: &lane, at: 5000)
        #expect(lane.stops.state == .held)
    }

    // MARK: Paused

    @Test func pausedLaneSendsAndLeasesNothingUntilResumed() {
        var lane = lane()
        lane.stops.carryOut(.pause, now: .at(10))
        #expect(lane.take(now: .at(10)) == nil)
        lane.wake()
        #expect(lane.wantsLease(now: .at(9_000_000)) == nil)
        #expect(change(&lane)?.record?.pausedAt == .at(10))
        lane.stops.carryOut(.resume, now: .at(500))
        #expect(lane.take(now: .at(500)) != nil)
        #expect(change(&lane)?.isOpened == true)
        #expect(lane.stops.record.clock == LaneClock(stoppedMilliseconds: 490))
    }

    @Test func pauseWinsOverAHoldAndResumeEndsBoth() {
        var lane = lane()
        for _ in 0..<2 { attempt(.held, on: &lane, at: 0) }
        lane.stops.carryOut(.pause, now: .at(10))
        #expect(lane.stops.state == .paused)
        lane.stops.carryOut(.probe, now: .at(11))
        #expect(lane.take(now: .at(5 * Self.minute)) == nil, "no probe goes out")
        lane.stops.carryOut(.resume, now: .at(20))
        #expect(lane.stops.state == .open)
        #expect(lane.stops.record.clock == LaneClock(stoppedMilliseconds: 20))
    }

    @Test func operatorsProbeGoesOutAtOnce() {
        var held = lane()
        attempt(.held, on: &held, at: 0)
        attempt(.held, waits: 60_000, on: &held, at: 0)
        #expect(held.take(now: .at(1)) == nil)
        held.stops.carryOut(.probe, now: .at(1))
        #expect(held.take(now: .at(1)) != nil && held.take(now: .at(1)) == nil)
        var open = lane()
        open.stops.carryOut(.probe, now: .at(1))
        #expect(open.stops.state == .open && change(&open) == nil)
    }

    // MARK: What survives a restart

    @Test func holdSurvivesARestartWithItsProbeAndTheTimeThatIsNotCharged() throws {
        var lane = lane()
        for _ in 0..<2 { attempt(.held, on: &lane, at: 0) }
        attempt(.held, on: &lane, at: 5 * Self.minute)
        let kept = try #require(change(&lane)?.record)
        var restarted = self.lane(record: kept)
        #expect(restarted.stops.state == .held)
        #expect(change(&restarted) == nil)
        #expect(!attempt(.delivered, on: &restarted, at: 20 * Self.minute - 1))
        attempt(.delivered, on: &restarted, at: 20 * Self.minute)
        #expect(restarted.stops.state == .open)
        #expect(restarted.stops.record.clock == LaneClock(stoppedMilliseconds: 20 * Self.minute))
    }

    @Test func restartWithAnotherDestinationLiftsAHoldAndARestButNoPause() throws {
        var lane = lane()
        attempt(.held, on: &lane, at: 0)
        attempt(.held, waits: 3_600_000, on: &lane, at: 0)
        lane.stops.carryOut(.pause, now: .at(5))
        let kept = try #require(change(&lane)?.record)
        var other = Lane(concurrency: 8, identity: [8], record: kept, now: .at(50))
        #expect(other.stops.state == .paused)
        let told = try #require(change(&other))
        #expect(told.isOpened && told.record?.hold == nil && told.record?.restUntil == nil)
        other.stops.carryOut(.resume, now: .at(60))
        #expect(other.stops.record.clock == LaneClock(stoppedMilliseconds: 60))
    }

    /// As at a reload.
    @Test func restartWithAnotherDestinationMakesTheDeferredDueAndOneWithTheSameDoesNot() throws {
        var first = Lane(concurrency: 8, identity: [7], now: .at(0))
        let kept = try #require(change(&first))
        #expect(!kept.isOpened && kept.record == Self.known)
        var same = Lane(concurrency: 8, identity: [7], record: Self.known, now: .at(50))
        #expect(change(&same) == nil)
        var other = Lane(concurrency: 8, identity: [8], record: Self.known, now: .at(50))
        first.stops.serve([8], now: .at(50))
        let told = try #require(change(&other))
        #expect(told.isOpened && told.record?.identity == [8])
        #expect(change(&first) == told)
    }

    @Test func longRestSurvivesARestartAndAShortOneIsNotWorthAWrite() throws {
        var lane = lane()
        attempt(.retry, waits: 5000, on: &lane, at: 0)
        #expect(change(&lane) == nil)
        attempt(.retry, waits: 60_000, on: &lane, at: 5000)
        let kept = try #require(change(&lane)?.record)
        var restarted = self.lane(record: kept)
        #expect(restarted.take(now: .at(64_999)) == nil)
        #expect(restarted.take(now: .at(65_000)) != nil)
        #expect(restarted.stops.record.clock == LaneClock(), "a rest is charged")
    }

    @Test func timeOfANameWithoutADestinationIsNotCharged() {
        let orphaned = LaneRecord().orphaned(now: .at(100))
        #expect(orphaned.orphaned(now: .at(200)) == orphaned)
        #expect(orphaned.clock.time(at: .at(900)) == .at(100))
        var lane = Lane(concurrency: 8, identity: [7], record: orphaned, now: .at(1100))
        #expect(lane.stops.state == .open)
        #expect(change(&lane)?.record?.clock == LaneClock(stoppedMilliseconds: 1000))
    }

    @Test func clockThatIsSetBackMakesNothingOlder() {
        var lane = lane()
        lane.stops.carryOut(.pause, now: .at(1000))
        lane.stops.carryOut(.resume, now: .at(-31_622_400_000))
        #expect(lane.stops.record.clock == LaneClock())
    }

    @Test func recordThatWasNotWrittenIsToldAgain() {
        var lane = lane()
        lane.stops.carryOut(.pause, now: .at(0))
        let first = change(&lane)
        #expect(first != nil && change(&lane) == nil)
        lane.stops.notSaved()
        #expect(change(&lane)?.record == first?.record)
    }
}
