import Dispatcher
import Relay
import Testing

@Suite struct OrderTests {
    private static let broken = StoreError(.full, "disk full")
    private static let ordered = TestBed.destination(concurrency: 8, isOrdered: true)

    private func bed(_ destination: Destination = ordered) -> TestBed { TestBed([destination]) }

    /// Answers 200 to all that comes, and tells the keys in the order in which they were sent.
    private func deliverAll(_ bed: TestBed) throws -> [Int64] {
        var keys: [Int64] = []
        while let call = bed.sender.open.first {
            #expect(bed.sender.open.count == 1)
            keys.append(call.key)
            try bed.answer(200)
        }
        return keys
    }

    @Test func oneAfterTheOtherInOrderOfArrival() throws {
        let bed = bed()
        bed.keep(1..<200)
        bed.take(200..<300)
        #expect(try deliverAll(bed) == Array(1..<300))
        bed.expectNothingLost()
    }

    @Test func deliveryThatIsTriedAgainBlocksThoseBehindIt() throws {
        let bed = bed()
        bed.take(1..<5)
        for wait in [5.0, 300] {
            try bed.answer(503)
            bed.take((bed.sender.total == 1 ? 5..<6 : 6..<7))
            bed.advance(seconds: wait - 0.001)
            #expect(bed.sender.open.isEmpty)
            bed.advance(seconds: 0.001)
            #expect(bed.sender.open.map(\.key) == [1])
        }
        #expect(try deliverAll(bed) == Array(1..<7))
        bed.expectNothingLost()
    }

    /// A redriven or replayed one lies in the store, while younger ones wait in memory.
    @Test func olderOneThatIsSentAgainGoesOutNext() throws {
        let bed = bed()
        bed.keep(5..<9)
        bed.advance(seconds: 1)
        #expect(bed.sender.open.map(\.key) == [5])
        bed.keep(1..<3)
        bed.run { $0.wake("crm") }
        #expect(try deliverAll(bed) == [5, 1, 2, 6, 7, 8])
        bed.expectNothingLost()
    }

    @Test func deliveryThatDiesGivesWay() throws {
        let bed = bed()
        bed.letters.holdBack()
        bed.take(1..<3)
        try bed.answer(422)
        #expect(bed.sender.open.isEmpty)
        bed.executor.perform { bed.letters.letGo() }
        #expect(bed.sender.open.map(\.key) == [2])
    }

    @Test func deliveryWhoseLetterCannotBeWrittenBlocks() throws {
        let bed = bed()
        bed.letters.fail(true)
        bed.take(1..<3)
        try bed.answer(422)
        bed.advance(seconds: 59)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 1)
        #expect(bed.sender.open.map(\.key) == [1])
    }

    /// After a crash then only the last one is sent again, and none that is older.
    @Test func nextOneGoesOutWhenTheOutcomeIsOnDisk() throws {
        let bed = bed()
        bed.take(1..<3)
        bed.store.holdBack()
        try bed.answer(200)
        bed.advance(seconds: 1)
        #expect(bed.sender.open.isEmpty)
        bed.letGo()
        #expect(bed.sender.open.map(\.key) == [2])
        bed.store.failSettles(Self.broken)
        try bed.answer(200)
        bed.take(3..<4)
        bed.advance(seconds: 10)
        #expect(bed.sender.open.isEmpty)
        bed.store.failSettles(nil)
        bed.advance(seconds: 1)
        bed.letGo()
        #expect(bed.sender.open.map(\.key) == [3])
    }

    @Test func refusedOneIsTheProbeAndAllFollowItInOrder() throws {
        let bed = bed()
        bed.take(1..<6)
        try bed.answer(404)
        bed.advance(seconds: 5)
        try bed.answer(404)
        bed.take(6..<9)
        for minutes in [5.0, 15, 60] {
            bed.advance(seconds: minutes * 60 - 1)
            #expect(bed.sender.open.isEmpty)
            bed.advance(seconds: 1)
            #expect(bed.sender.open.map(\.key) == [1])
            if minutes < 60 { try bed.answer(404) }
        }
        #expect(try deliverAll(bed) == Array(1..<9))
        #expect(bed.letters.letters.isEmpty)
    }

    @Test func cancelledOneGoesFirstAgain() throws {
        let bed = bed()
        bed.take(1..<4)
        try bed.fail(.cancelled)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 1)
        #expect(try deliverAll(bed) == [1, 2, 3])
        bed.expectNothingLost()
    }

    @Test func reloadThatAsksForOrderGetsItFromThenOn() throws {
        let bed = bed(TestBed.destination(concurrency: 3))
        bed.take(1..<4)
        bed.keep(4..<9)
        bed.store.holdBack()
        bed.run { $0.wake("crm") }
        bed.use([Self.ordered])
        bed.letGo()
        bed.take(9..<12)
        for (key, status) in [(3, 200), (1, 503), (2, 200)] {
            let call = try #require(bed.sender.open.first { $0.key == key })
            bed.end(call, .response(Response(status: status, headers: [], body: [], isComplete: true)))
        }
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 5)
        #expect(try deliverAll(bed) == [1] + Array(4..<12))
        bed.use([TestBed.destination(concurrency: 3)])
        bed.take(12..<15)
        #expect(bed.sender.open.count == 3)
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        bed.expectNothingLost()
    }

    @Test func reloadThatAsksForOrderGivesBackWhatWaitedToTakeTurns() throws {
        let bed = bed(TestBed.destination(concurrency: 1))
        bed.keep(1..<4)
        bed.advance()
        bed.take(4..<7)
        bed.use([Self.ordered])
        #expect(try deliverAll(bed) == Array(1..<7))
        bed.expectNothingLost()
    }

    @Test func reloadThatAsksForOrderWhileAnOutcomeIsNotedLeavesNothingLying() throws {
        let bed = bed(TestBed.destination(concurrency: 1))
        bed.advance()
        bed.take(1..<2)
        bed.store.holdBack()
        try bed.answer(200)
        bed.keep(2..<4)
        bed.use([Self.ordered])
        bed.letGo()
        #expect(bed.sender.open.isEmpty, "the first was still being settled when the store was asked")
        bed.advance(seconds: 1)
        #expect(try deliverAll(bed) == [2, 3])
        bed.expectNothingLost()
    }

    @Test func leaseThatWasAskedForWithoutOrderGoesBack() throws {
        let bed = bed(TestBed.destination(concurrency: 1))
        bed.advance()
        bed.store.add(TestBed.delivery(1), .waiting(due: TestBed.start))
        bed.store.add(TestBed.delivery(2), .waiting(due: TestBed.start.advanced(byMilliseconds: -1)))
        bed.store.holdBack()
        bed.run { $0.wake("crm") }
        bed.use([Self.ordered])
        bed.letGo()
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 1)
        #expect(try deliverAll(bed) == [1, 2])
        bed.expectNothingLost()
    }

    // MARK: For random arrivals and answers

    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func nothingIsSentBeforeAllThatCameEarlierHasEnded(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let rate = seed % 3 == 0 ? Rate(requests: 3, periodMilliseconds: 1000) : nil
        let bed = bed(TestBed.destination(rate: rate, isOrdered: true))
        var key: Int64 = 1
        var checked = 0
        func look() {
            guard let call = bed.sender.open.first, call.number > checked else { return }
            checked = call.number
            #expect(bed.sender.open.count == 1)
            for earlier in 1..<call.key {
                let place = bed.store.place(earlier)
                #expect(place == .delivered || place == .dead, "\(call.key) was sent before \(earlier)")
            }
        }
        func end(_ ending: AttemptResult.Ending) {
            guard let call = bed.sender.open.first else { return }
            bed.end(call, ending)
        }
        func answer(_ status: Int) {
            end(.response(Response(status: status, headers: [], body: [], isComplete: true)))
        }
        for _ in 0..<300 {
            let count = Int64.random(in: 1...3, using: &random)
            switch Int.random(in: 0..<14, using: &random) {
            case 0...1:
                bed.take(key..<key + count)
                key += count
            case 2:
                bed.keep(key..<key + count)
                key += count
                bed.run { $0.wake("crm") }
            case 3...5: bed.advance(seconds: Double.random(in: 0...10, using: &random))
            case 6: bed.store.failSettles(Bool.random(using: &random) ? Self.broken : nil)
            case 7: bed.store.failLeases(Bool.random(using: &random) ? Self.broken : nil)
            case 8: bed.store.holdBack()
            case 9: bed.letGo()
            case 10: end(.failure(TransferFailure([.reset, .cancelled][Int(count % 2)], "cut")))
            default: answer([200, 200, 200, 200, 503, 422, 404, 429].randomElement(using: &random) ?? 200)
            }
            look()
        }
        bed.store.failSettles(nil)
        bed.store.failLeases(nil)
        bed.letGo()
        for _ in 0..<6000 where bed.store.places.contains(where: { !$0.hasEnded }) {
            bed.advance(seconds: 300)
            look()
            answer(200)
            look()
        }
        #expect(bed.store.count(.delivered) + bed.store.count(.dead) == Int(key) - 1)
        bed.expectNothingLost()
    }
}
