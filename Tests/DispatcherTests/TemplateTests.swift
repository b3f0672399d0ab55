import Dispatcher
import JSONTemplates
import Relay
import Synchronization
import Testing

/// Deliveries whose destination has a template: it renders the events 2 to 4 and fails for all others.
@Suite struct TemplateTests {
    /// - Parameters:
    ///   - more: members of the destination before its body.
    ///   - value: the expression in the body; nil for the one that knows three events.
    private func destination(
        concurrency: Int = 2, more: String = "", value: String? = nil, functions: HostFunctions = .withoutZones
    ) throws -> Destination {
        let known = (UInt64(2)...4).map { "'\(EventID(high: 1, low: $0))': {'x': 1}" }.joined(separator: ", ")
        let text = """
            {"sources": {"gruveo": {"path": "/in", "keys": [{"env": "KEY"}]}}, "routes": [],
             "destinations": {"crm": {"url": "https://crm.example.com/a", "concurrency": \(concurrency), \(more)
                              "body": {"a": {"$eval": "\(value ?? "{\(known)}[id].x")"}}}}}
            """
        let (configuration, _) = RoutesFile.load(Array(text.utf8), directory: "/", functions: functions) { _ in
            .success(SecretContent(Array("a-key-of-more-than-16-bytes".utf8)))
        }
        return try #require(configuration?.destinations["crm"])
    }

    @Test func failureIsADeadLetterAtOnceAndTheNextGoesOut() throws {
        let bed = TestBed([try destination(concurrency: 1)])
        bed.take(1..<3)
        let letter = try #require(bed.letters.letters.first)
        #expect(letter.reason.code == "template")
        #expect(letter.reason.text == "the template fails at body.a: infix: . expects objects")
        #expect(letter.attempts.map(\.number) == [1])
        #expect(letter.attempts.map(\.outcome) == [.dead])
        #expect(letter.request.body.isEmpty)
        #expect(bed.store.place(1) == .dead)
        #expect(bed.sender.open.map(\.request.body) == [Array(#"{"a":1}"#.utf8)])
        try bed.answer(200)
        #expect(bed.store.place(2) == .delivered)
        bed.expectNothingLost()
    }

    private final class Counter: Sendable {
        let value = Mutex(0)
    }

    /// A template that takes long until it fails would hold up the other destinations twice as long.
    @Test func aTemplateThatFailsIsRenderedOnce() throws {
        let renders = Counter()
        let counting = HostFunction("failing") { _, _ throws(TemplateError) in
            renders.value.withLock { $0 += 1 }
            throw .badArguments("failing", "nothing at all")
        }
        let bed = TestBed([try destination(value: "failing()", functions: HostFunctions([counting]))])
        bed.take(1..<4)
        #expect(bed.store.count(.dead) == 3)
        #expect(renders.value.withLock { $0 } == 3)
    }

    @Test func failureTakesNothingOfTheRate() throws {
        let bed = TestBed([try destination(more: #""rate": "1/h","#)])
        bed.take(1..<2)
        bed.take(10..<20)
        bed.take(2..<4)
        #expect(bed.store.count(.dead) == 11 && bed.sender.open.map(\.key) == [2])
        try bed.answer(200)
        bed.advance(seconds: 3599)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 2)
        #expect(bed.sender.open.map(\.key) == [3])
    }

    @Test func lettersKeepTheirPlaceInTheLaneUntilTheyAreOnDisk() throws {
        let bed = TestBed([try destination()])
        bed.letters.holdBack()
        bed.take(10..<20)
        #expect(bed.letters.heldBackCount == 2)
        bed.executor.perform { bed.letters.letGo() }
        bed.advance()
        #expect(bed.store.count(.dead) == 10)
        bed.expectNothingLost()
    }

    @Test func letterThatCannotBeWrittenIsTriedAgainAndNothingIsLost() throws {
        let bed = TestBed([try destination()])
        bed.letters.fail(true)
        bed.take(1..<2)
        #expect(bed.store.count(.dead) == 0)
        bed.letters.fail(false)
        bed.advance(seconds: 60)
        #expect(bed.store.place(1) == .dead)
        bed.expectNothingLost()
    }

    @Test func heldDestinationStaysHeldWhenAProbesTemplateFails() throws {
        let bed = TestBed([try destination()])
        bed.take(2..<4)
        try bed.answer(404)
        try bed.answer(404)
        bed.keep(1..<2)
        bed.advance(seconds: 299)
        #expect(bed.sender.open.isEmpty && bed.letters.letters.isEmpty)
        bed.advance(seconds: 2)
        bed.advance()
        #expect(bed.sender.open.count == 1)
        try bed.answer(404)
        bed.advance(seconds: 600)
        #expect(bed.sender.open.isEmpty)
    }
}
