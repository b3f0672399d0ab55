import Dispatcher
import Relay
import Testing

@Suite struct RateTests {
    private static let perSecond = Rate(requests: 2, periodMilliseconds: 1000)

    private func bed(_ rate: Rate = perSecond, concurrency: Int = 8) -> TestBed {
        TestBed([TestBed.destination(concurrency: concurrency, rate: rate)])
    }

    @Test func burstIsOnePeriodsNumberAndTheRestWaits() throws {
        let bed = bed()
        bed.take(1..<6)
        #expect(bed.sender.open.map(\.key) == [1, 2])
        for _ in 0..<2 { try bed.answer(200) }
        bed.advance(seconds: 1)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 0.001)
        #expect(bed.sender.open.map(\.key) == [3, 4])
    }

    /// A receiver sees a request at the latest when it answers.
    @Test func periodBeginsWithTheAnswer() throws {
        let bed = bed()
        bed.take(1..<4)
        bed.advance(seconds: 5)
        #expect(bed.sender.open.map(\.key) == [1, 2])
        try bed.answer(200)
        bed.advance(seconds: 1)
        #expect(bed.sender.open.map(\.key) == [2])
        bed.advance(seconds: 0.001)
        #expect(bed.sender.open.map(\.key) == [2, 3])
    }

    @Test(arguments: [503, 404, 422])
    func whateverTheAnswerItsRequestCounts(status: Int) throws {
        let bed = bed()
        bed.take(1..<4)
        try bed.answer(status)
        try bed.fail(.reset)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 1.5)
        #expect(bed.sender.open.map(\.key) == [3])
    }

    @Test func dispatcherSleepsUntilATokenIsBackAndNoLonger() throws {
        let bed = bed()
        #expect(bed.nap == .milliseconds(100))
        bed.take(1..<4)
        #expect(bed.nap == .milliseconds(100), "an answer will wake it")
        for _ in 0..<2 { try bed.answer(200) }
        bed.advance(seconds: 0.97)
        #expect(bed.nap == .milliseconds(31))
        bed.advance(seconds: 0.031)
        #expect(bed.sender.open.count == 1)
        try bed.answer(200)
        bed.advance(seconds: 0.95)
        #expect(bed.nap == .milliseconds(100), "nothing waits")
    }

    @Test func pausedLaneDoesNotWakeForItsTokens() throws {
        let bed = bed()
        bed.take(1..<9)
        try bed.answer(200)
        try bed.answer(429, retryAfter: "60")
        bed.advance(seconds: 0.95)
        #expect(bed.nap == .milliseconds(100))
    }

    @Test func reloadChangesTheRateAndForgetsNothing() throws {
        let bed = bed()
        bed.take(1..<20)
        for _ in 0..<2 { try bed.answer(200) }
        bed.use([TestBed.destination(concurrency: 8, rate: Rate(requests: 5, periodMilliseconds: 1000))])
        #expect(bed.sender.open.count == 3)
        bed.use([TestBed.destination(concurrency: 8)])
        #expect(bed.sender.open.count == 8)
        bed.use([TestBed.destination(concurrency: 8, rate: Self.perSecond)])
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        #expect(bed.sender.total == 11, "one more: what was sent without a rate has taken no token until its end")
    }

    @Test func clockSetForwardParksNothing() throws {
        let bed = bed()
        bed.take(1..<4)
        for _ in 0..<2 { try bed.answer(200) }
        bed.advance(seconds: 86_400)
        #expect(bed.sender.open.map(\.key) == [3])
    }

    @Test(arguments: [-0.2, -1.5, -86_400])
    func clockSetBackParksNothingAndGivesNoTokenEarly(jump: Double) throws {
        let bed = bed()
        bed.take(1..<4)
        for _ in 0..<2 { try bed.answer(200) }
        bed.advance(seconds: jump)
        bed.advance(seconds: 0.97)
        #expect(bed.sender.open.isEmpty)
        #expect(bed.nap == .milliseconds(31))
        bed.advance(seconds: 0.031)
        #expect(bed.sender.open.map(\.key) == [3])
    }

    @Test func timeOfWaitingForTheRateIsNotCharged() throws {
        let schedule = RetrySchedule(waitsMilliseconds: [1000, 1000, 1000], budgetMilliseconds: 7_200_000)
        let rate = Rate(requests: 1, periodMilliseconds: 3_600_000)
        let bed = TestBed([TestBed.destination(retry: schedule, rate: rate)])
        bed.take(1..<10)
        for _ in 0..<8 {
            try bed.answer(200)
            bed.advance(seconds: 3601)
        }
        #expect(bed.sender.open.map(\.key) == [9])
        for _ in 0..<2 {
            try bed.answer(503)
            bed.advance(seconds: 3601)
            #expect(bed.letters.letters.isEmpty)
        }
        try bed.answer(503)
        #expect(bed.letters.letters.map(\.reason.code) == ["expired"])
    }

    // MARK: For random arrivals and answers

    private static let rates = [
        Rate(requests: 1, periodMilliseconds: 1000), Rate(requests: 7, periodMilliseconds: 1000),
        Rate(requests: 3, periodMilliseconds: 60_000), Rate(requests: 40, periodMilliseconds: 3_600_000),
    ]

    /// The receiver sees a request at some time between its start and its answer.
    private struct Seen {
        let sent: Timestamp
        var at: Timestamp?
    }

    /// The clock is set back now and then; the receiver's time goes on.
    @Test(arguments: 1...12 as ClosedRange<UInt64>, rates)
    func noWindowHoldsMoreThanTheRateAndNothingIsLost(seed: UInt64, rate: Rate) throws {
        var random = SeededGenerator(seed: seed)
        let bed = bed(rate, concurrency: Int.random(in: 1...9, using: &random))
        var seen: [Int: Seen] = [:]
        var key: Int64 = 1
        var setBack: Int64 = 0
        func time() -> Timestamp { bed.now.advanced(byMilliseconds: setBack) }
        func look() {
            for call in bed.sender.open where seen[call.number] == nil { seen[call.number] = Seen(sent: time()) }
        }
        func answer(_ call: ScriptedSender.Call, _ status: Int, _ headers: [OutgoingRequest.Header] = []) {
            let sent = seen[call.number]?.sent ?? time()
            let delay = Int64.random(in: 0...time().milliseconds(since: sent), using: &random)
            seen[call.number]?.at = sent.advanced(byMilliseconds: delay)
            bed.end(call, .response(Response(status: status, headers: headers, body: [], isComplete: true)))
            look()
        }
        for _ in 0..<300 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0...2:
                bed.take(key..<key + 3)
                key += 3
            case 3...5:
                bed.advance(
                    seconds: Double(rate.periodMilliseconds) / 1000 * Double.random(in: 0...0.4, using: &random))
            case 6: bed.use([TestBed.destination(concurrency: Int.random(in: 1...9, using: &random), rate: rate)])
            case 7:
                let jump = Int64.random(in: 0...rate.periodMilliseconds * 2, using: &random)
                setBack += jump
                bed.advance(seconds: -Double(jump) / 1000)
            default:
                guard let call = bed.sender.open.randomElement(using: &random) else { continue }
                let status = [200, 200, 200, 200, 422, 404, 429, 503].randomElement(using: &random) ?? 200
                answer(call, status, Bool.random(using: &random) ? [OutgoingRequest.Header("retry-after", "2")] : [])
            }
            look()
        }
        for _ in 0..<4000 where bed.store.places.contains(where: { !$0.hasEnded }) {
            while let call = bed.sender.open.first { answer(call, 200) }
            bed.advance(seconds: Double(rate.periodMilliseconds) / 2000)
            look()
        }
        #expect(bed.store.count(.delivered) + bed.store.count(.dead) == Int(key) - 1)
        let arrivals = seen.values.compactMap(\.at).sorted()
        #expect(arrivals.count == bed.sender.total)
        for (first, later) in zip(arrivals, arrivals.dropFirst(rate.requests)) {
            #expect(later.milliseconds(since: first) >= rate.periodMilliseconds)
        }
        bed.expectNothingLost()
    }
}
