import Relay
import Testing

@Suite struct InTurnTests {
    @Test func nothingBeginsBeforeWhatWasAskedForEarlierHasEnded() async {
        let turns = InTurn()
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let (begun, beginning) = AsyncStream.makeStream(of: String.self)
        var begins = begun.makeAsyncIterator()
        let first = Task {
            await turns.run {
                beginning.yield("first")
                _ = await gate.first { true }
                beginning.yield("first goes on")
                return 1
            }
        }
        #expect(await begins.next() == "first")
        let second = Task {
            await turns.run {
                beginning.yield("second")
                return 2
            }
        }
        for _ in 0..<100 { await Task.yield() }
        opener.yield()
        #expect(await begins.next() == "first goes on")
        #expect(await begins.next() == "second")
        #expect(await (first.value, second.value) == (1, 2))
    }
}
