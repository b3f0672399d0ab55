import Relay
import Testing

@testable import SQLiteStore

/// Who waits for whom in front of the store's thread.
struct InboxTests {
    private let inbox = Inbox()

    private func settlement() -> Write {
        let attempt = AttemptRecord(
            number: 1, at: Timestamp(milliseconds: 0), durationMilliseconds: 1, outcome: .delivered, status: 200,
            error: nil, response: [])
        let settlement = Settlement(delivery: DeliveryKey(rawValue: 1), verdict: .delivered, attempt: attempt)
        return .settle(Request(settlement) { _ in })
    }

    private func discard() -> Write {
        .discard(Request(Discard(id: EventID(high: 0, low: 0), destination: "a")) { _ in })
    }

    @Test func onlyTheFirstSettlementSetsTheTimer() {
        #expect(inbox.add(settlement()) == .soon)
        #expect(inbox.add(settlement()) == .not)
        #expect(inbox.takeAll(now: 1).count == 2)
        #expect(inbox.add(settlement()) == .soon)
    }

    @Test func whatIsUrgentTakesSettlementsAlongOnlyWhereNoneWereTakenForAWhile() {
        let delay = UInt64(Inbox.settleDelayMilliseconds) * 1_000_000
        for (now, taken) in [(delay, 2), (2 * delay - 1, 1), (2 * delay, 3), (2 * delay + 1, 1)] {
            _ = inbox.add(settlement())
            #expect(inbox.add(discard()) == .now)
            #expect(inbox.takeUrgent(now: now).count == taken)
        }
        #expect(inbox.takeAll(now: 2 * delay + 2).count == 1)
    }

    @Test func theTimerTakesAllAndNothingIsTakenTwice() {
        #expect(inbox.add(discard()) == .now)
        #expect(inbox.add(discard()) == .not)
        #expect(inbox.add(settlement()) == .soon)
        #expect(inbox.takeAll(now: 1).count == 3)
        #expect(inbox.takeUrgent(now: 2).isEmpty)
        #expect(inbox.takeAll(now: 3).isEmpty)
        #expect(inbox.add(discard()) == .now)
    }
}
