import Dispatcher
import Relay
import Testing

/// A chat's hook is revoked at the beginning of an afternoon and put right by a reload an hour later.
@Suite struct RevokedHookTests {
    private static let rate = Rate(requests: 1, periodMilliseconds: 1000)
    private static let step = 0.1

    private static func chat(_ url: String) -> Destination {
        TestBed.destination(url: url, concurrency: 1, rate: rate, isOrdered: true)
    }

    /// Steps of a tenth of a second, with a call in every `interval` of them; `status` answers each request.
    private func pass(
        _ bed: TestBed, steps: Int, callEvery interval: Int, first: inout Int64, status: Int,
        sent: inout [(key: Int64, at: Timestamp)]
    ) throws {
        for step in 0..<steps {
            if step % interval == 0 {
                bed.take(first..<first + 1)
                first += 1
            }
            bed.advance(seconds: Self.step)
            while let call = bed.sender.open.first {
                sent.append((call.key, bed.now))
                try bed.answer(status)
            }
        }
    }

    @Test func anHourOfCallsArrivesInOrderWithinTheRateAndNoneDies() throws {
        var bed = TestBed([Self.chat("https://chat.example.com/revoked")])
        var next: Int64 = 1
        var (refused, sent): ([(key: Int64, at: Timestamp)], [(key: Int64, at: Timestamp)]) = ([], [])
        let hour = 36_000
        // A call in four seconds, and a restart in the middle.
        for _ in 0..<2 {
            try pass(bed, steps: hour / 2, callEvery: 40, first: &next, status: 404, sent: &refused)
            #expect(bed.reports.map(\.state) == ["held"])
            bed = bed.restarted([Self.chat("https://chat.example.com/revoked")])
        }
        #expect(next == 901)
        #expect((2...6).contains(refused.count) && refused.allSatisfy { $0.key == 1 }, "probes only: \(refused.count)")

        bed.use([Self.chat("https://chat.example.com/mended")])
        try pass(bed, steps: hour / 2, callEvery: 40, first: &next, status: 200, sent: &sent)
        #expect(sent.map(\.key) == Array(1..<next), "all, each once, in the order in which the calls came")
        for (before, after) in zip(sent, sent.dropFirst()) {
            #expect(after.at.milliseconds(since: before.at) >= Self.rate.periodMilliseconds)
        }
        #expect(bed.store.count(.delivered) == Int(next) - 1)
        #expect(bed.letters.letters.isEmpty)
        bed.expectNothingLost()
    }
}
