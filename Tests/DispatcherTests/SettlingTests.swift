import Dispatcher
import Relay
import Testing

@Suite struct SettlingTests {
    private static let broken = StoreError(.full, "disk full")

    @Test func deadLetterIsOnDiskBeforeTheRowDies() throws {
        let bed = TestBed()
        bed.letters.holdBack()
        bed.take(1..<2)
        try bed.answer(422)
        #expect(bed.letters.heldBackCount == 1)
        #expect(bed.store.place(1) == .leased)
        bed.executor.perform { bed.letters.letGo() }
        #expect(bed.letters.letters.map(\.reason.code) == ["status_422"])
        #expect(bed.store.settlements.map(\.verdict) == [.dead])
        bed.expectNothingLost()
    }

    @Test func rowDoesNotDieWithoutItsLetter() throws {
        let bed = TestBed()
        bed.letters.fail(true)
        bed.take(1..<2)
        for _ in 0..<3 {
            try bed.answer(422)
            bed.advance(seconds: 59)
            #expect(bed.sender.open.isEmpty)
            bed.advance(seconds: 1)
        }
        #expect(!bed.store.settlements.contains { $0.verdict == .dead })
        bed.letters.fail(false)
        try bed.answer(422)
        #expect(bed.store.place(1) == .dead)
        #expect(bed.letters.letters.count == 1)
        bed.expectNothingLost()
    }

    @Test func lettersBeingWrittenKeepTheirPlacesInTheLane() throws {
        let bed = TestBed()
        bed.letters.holdBack()
        bed.take(1..<10)
        try bed.answer(422)
        try bed.answer(422)
        #expect(bed.sender.open.isEmpty)
        bed.executor.perform { bed.letters.letGo() }
        #expect(bed.sender.open.count == 2)
    }

    @Test(arguments: [200, 503, 422])
    func failedSettleIsRepeatedWithoutSendingAgain(status: Int) throws {
        let bed = TestBed()
        bed.take(1..<2)
        bed.store.failSettles(Self.broken)
        try bed.answer(status)
        bed.advance(seconds: 1)
        bed.advance(seconds: 1)
        #expect(bed.store.settlements.isEmpty)
        bed.store.failSettles(nil)
        bed.advance(seconds: 1)
        #expect(bed.store.settlements.count == 1)
        #expect(bed.sender.total == 1)
        #expect(bed.letters.letters.count == (status == 422 ? 1 : 0))
        bed.expectNothingLost()
    }

    /// The lane had looked for it while the store did not know yet that it was due.
    @Test func retryWhoseSettleCameLateIsStillSent() throws {
        let bed = TestBed()
        bed.take(1..<2)
        bed.store.failSettles(Self.broken)
        try bed.answer(503)
        for _ in 0..<10 { bed.advance(seconds: 1) }
        bed.store.failSettles(nil)
        for _ in 0..<3 { bed.advance(seconds: 1) }
        #expect(bed.sender.open.map(\.key) == [1])
    }

    @Test func retryWhoseSettleIsUnderWayWhenItIsDueIsStillSent() throws {
        let bed = TestBed()
        bed.take(1..<2)
        bed.store.holdBack()
        try bed.answer(503)
        bed.advance(seconds: 6)
        bed.letGo()
        bed.advance()
        #expect(bed.sender.open.map(\.key) == [1])
    }

    @Test func sendingStopsWhenTooMuchIsUnsettled() throws {
        let bed = TestBed([TestBed.destination(concurrency: 1)])
        bed.keep(1..<2000)
        bed.store.failSettles(Self.broken)
        bed.advance()
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        #expect((1024...1025).contains(bed.sender.total))
        bed.store.failSettles(nil)
        bed.advance(seconds: 1)
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        #expect(bed.sender.total == 1999)
        #expect(bed.store.count(.delivered) == 1999)
        bed.expectNothingLost()
    }

    @Test func failedLeaseIsRepeated() {
        let bed = TestBed()
        bed.keep(1..<3)
        bed.store.failLeases(Self.broken)
        bed.advance()
        bed.store.failLeases(nil)
        bed.advance(seconds: 0.5)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 0.5)
        #expect(bed.sender.open.count == 2)
    }
}
