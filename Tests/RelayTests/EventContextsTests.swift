import JSON
import Testing

@testable import JSONTemplates
@testable import Relay

@Suite struct EventContextsTests {
    private func event(_ body: String, low: UInt64 = 1, routes: [String] = ["all"]) -> Event {
        Event(
            id: EventID(high: 1, low: low), source: "gruveo", receivedAt: Fixture.start, body: Array(body.utf8),
            routes: routes)
    }

    @Test func anEventIsParsedOnceForAllItsDestinations() throws {
        var contexts = EventContexts(slots: 4)
        let event = event(#"{"link": "@a"}"#)
        let first = try contexts.context(of: event)
        #expect(try contexts.context(of: event).fields === first.fields)
    }

    @Test func anotherEventTakesThePlace() throws {
        var contexts = EventContexts(slots: 4)
        let (event, other) = (event(#"{"link": "@a"}"#), event(#"{"link": "@b"}"#, low: 5))
        let first = try contexts.context(of: event)
        #expect(try contexts.context(of: other).fields["link"]?.json == .string("@b"))
        let again = try contexts.context(of: event)
        #expect(again.fields !== first.fields)
        #expect(again.fields["link"]?.json == .string("@a"))
    }

    /// An event that is read from the store again may have other routes since.
    @Test func theSameIDIsNotTheSameEvent() throws {
        var contexts = EventContexts(slots: 4)
        _ = try contexts.context(of: event("{}", routes: ["old"]))
        let context = try contexts.context(of: event("{}", routes: ["new"]))
        #expect(context.fields["routes"]?.json == .array([.string("new")]))
    }

    @Test func aLongBodyIsNotKept() throws {
        var contexts = EventContexts(slots: 1)
        let event = event(#"{"link": "\#(String(repeating: "a", count: EventContexts.longestBody))"}"#)
        let first = try contexts.context(of: event)
        #expect(try contexts.context(of: event).fields !== first.fields)
    }
}
