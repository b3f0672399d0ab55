import NIOCore
import NIOEmbedded
import Relay
import Testing

@testable import Receiver

/// Requests sent ahead, answers that take their time, and waits that last too long.
struct OrderTests {
    @Test func answersPipelinedRequestsInOrder() throws {
        let store = StoreDouble(.waits)
        let conversation = try Conversation(makeIntake(store))
        let requests = post("a") + head("GET /healthz") + post("b") + head("GET /other")
        #expect(try conversation.send(requests).isEmpty)
        #expect(store.bodies == ["a"])
        store.answerOne()
        #expect(try conversation.received() == accepted(1) + bare("200 OK"))
        #expect(store.bodies == ["a", "b"])
        store.answerOne()
        #expect(try conversation.received() == accepted(2) + bare("404 Not Found"))
    }

    @Test func answersPipelinedRequestsThatAreAnsweredAtOnce() throws {
        let conversation = try Conversation(makeIntake(StoreDouble()))
        let answers = (1...500).map { accepted($0) }.joined()
        #expect(try conversation.send(String(repeating: post("a"), count: 500)) == answers)
    }

    @Test func readsNoFurtherWhileRequestsWait() throws {
        let store = StoreDouble(.waits)
        let conversation = try Conversation(makeIntake(store))
        let reads = try ReadCounter.add(to: conversation)
        _ = try conversation.send(post("a"))
        conversation.channel.read()
        #expect(reads.count == 1)
        _ = try conversation.send(post("b"))
        conversation.channel.read()
        #expect(reads.count == 1)
        store.answerOne()
        store.answerOne()
        #expect(reads.count == 2)
    }

    @Test func readsNoFurtherWhileTheClientTakesNoAnswers() throws {
        let conversation = try Conversation(makeIntake(StoreDouble()))
        let reads = try ReadCounter.add(to: conversation)
        conversation.channel.isWritable = false
        conversation.channel.read()
        #expect(reads.count == 0)
        conversation.channel.isWritable = true
        conversation.channel.pipeline.fireChannelWritabilityChanged()
        #expect(reads.count == 1)
    }

    @Test func answersWhatCameBeforeAMalformedRequest() throws {
        let store = StoreDouble(.waits)
        let conversation = try Conversation(makeIntake(store))
        #expect(try conversation.send(post("a") + post("b") + "nonsense\r\n\r\n").isEmpty)
        store.answerOne()
        #expect(try conversation.received() == accepted(1))
        store.answerOne()
        #expect(try conversation.received() == accepted(2) + bare("400 Bad Request", closes: true))
        #expect(try conversation.isOver())
    }

    @Test func takesNothingAfterARequestToClose() throws {
        let store = StoreDouble()
        let conversation = try Conversation(makeIntake(store))
        let requests = post("a", extra: "Connection: close\r\n") + post("b")
        #expect(try conversation.send(requests) == accepted(1, closes: true))
        #expect(store.bodies == ["a"])
    }

    @Test func answersAClientThatHasEndedItsSide() throws {
        let store = StoreDouble(.waits)
        let conversation = try Conversation(makeIntake(store))
        _ = try conversation.send(post("a") + post("b"))
        conversation.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        store.answerOne()
        store.answerOne()
        #expect(try conversation.received() == accepted(1) + accepted(2))
        #expect(conversation.isClosed)
    }

    @Test func survivesAClientThatIsGoneBeforeTheAnswer() throws {
        let store = StoreDouble(.waits)
        let conversation = try Conversation(makeIntake(store))
        _ = try conversation.send(post("a"))
        try conversation.channel.close().wait()
        store.answerOne()
        #expect(try conversation.received().isEmpty)
    }

    struct Wait: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let sent: [String]
        /// Until when nothing happens, in milliseconds after the last byte sent (a second after each before it).
        let patience: Int
        let answered: String
    }

    static let timedOut = bare("408 Request Timeout", closes: true)
    static let waits = [
        Wait(testDescription: "nothing at all", sent: [], patience: 10_000, answered: ""),
        Wait(testDescription: "half a head", sent: ["POST"], patience: 10_000, answered: timedOut),
        Wait(
            testDescription: "a slow head", sent: Array(repeating: "P", count: 1) + ["O", "S", "T", " "],
            patience: 6000, answered: timedOut),
        Wait(testDescription: "empty lines", sent: ["\r\n", "\r\n", "\r\n"], patience: 8000, answered: timedOut),
        Wait(
            testDescription: "half a body", sent: [head("POST /hook", "Content-Length: 9") + "a"], patience: 30_000,
            answered: timedOut),
        Wait(
            testDescription: "a slow body", sent: [head("POST /hook", "Content-Length: 9") + "a", "b", "c"],
            patience: 28_000, answered: timedOut),
        Wait(
            testDescription: "slow chunks",
            sent: [head("POST /hook", "Transfer-Encoding: chunked") + "1\r\na\r\n", "1\r\na\r\n"], patience: 29_000,
            answered: timedOut),
        Wait(
            testDescription: "an unwanted body", sent: [head("POST /other", "Content-Length: 9")], patience: 30_000,
            answered: timedOut),
        Wait(testDescription: "idle after an answer", sent: [head("GET /healthz")], patience: 75_000, answered: ""),
        Wait(
            testDescription: "half a head after an answer", sent: [head("GET /healthz"), "P"], patience: 10_000,
            answered: timedOut),
    ]

    @Test(arguments: waits)
    func endsAWaitForTheClient(_ wait: Wait) throws {
        let conversation = try Conversation(makeIntake(StoreDouble()))
        for text in wait.sent.dropLast() {
            _ = try conversation.send(text)
            _ = try conversation.wait(milliseconds: 1000)
        }
        if let text = wait.sent.last { _ = try conversation.send(text) }
        #expect(try conversation.wait(milliseconds: wait.patience - 1).isEmpty)
        #expect(!conversation.isClosed)
        #expect(try conversation.wait(milliseconds: 2001) == wait.answered)
        #expect(try conversation.isOver())
    }

    @Test func waitsForTheStoreAsLongAsItTakes() throws {
        let store = StoreDouble(.waits)
        let conversation = try Conversation(makeIntake(store))
        _ = try conversation.send(post("a"))
        #expect(try conversation.wait(milliseconds: 1_000_000).isEmpty)
        store.answerOne()
        #expect(try conversation.received() == accepted(1))
    }
}

/// Counts the reads that reach the socket's end of the pipeline.
private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private(set) var count = 0

    static func add(to conversation: Conversation) throws -> ReadCounter {
        let counter = ReadCounter()
        try conversation.channel.pipeline.syncOperations.addHandler(counter, position: .first)
        return counter
    }

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
