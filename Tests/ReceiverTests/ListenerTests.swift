import Glibc
import Logging
import NIOPosix
import Relay
import ServiceLifecycle
import Synchronization
import Testing

@testable import Receiver

/// The whole service on a loopback socket, with clients that block on a thread of their own.
@Suite(.serialized)
struct ListenerTests {
    @Test func answersWhatIsPendingWhenItStops() async throws {
        let store = StoreDouble(.waits)
        let listener = try await RunningListener.start(store)
        try await onThread {
            let pending = try RawClient(port: listener.port)
            pending.send(post("a"))
            store.waitForOffer()
            let idle = try RawClient(port: listener.port)
            idle.send(head("GET /healthz"))
            #expect(idle.receive(count: bare("200 OK").utf8.count) == bare("200 OK"))
            let halfway = try RawClient(port: listener.port)
            halfway.send(head("POST /hook", "Expect: 100-continue", "Content-Length: 5"))
            #expect(halfway.receive(count: 25) == "HTTP/1.1 100 Continue\r\n\r\n")

            listener.stop()
            #expect(idle.receiveToEnd() == "")
            #expect(halfway.receiveToEnd() == bare("503 Service Unavailable", closes: true, "retry-after: 2"))
            #expect(throws: RawClient.Failure.self) { try RawClient(port: listener.port) }
            store.answerOne()
            #expect(pending.receiveToEnd() == accepted(1, closes: true))
        }
        try await listener.end()
    }

    @Test func waitsNoLongerThanTheDrainTime() async throws {
        let store = StoreDouble(.waits)
        let listener = try await RunningListener.start(store, drainMilliseconds: 50)
        let pending = try await onThread {
            let pending = try RawClient(port: listener.port)
            pending.send(post("a"))
            store.waitForOffer()
            return pending
        }
        listener.stop()
        try await listener.end()
        #expect(pending.receiveToEnd() == "")
        store.answerOne()
    }

    @Test func endsAtOnceWhenCancelled() async throws {
        let store = StoreDouble(.waits)
        let listener = try await RunningListener.start(store)
        let pending = try await onThread {
            let pending = try RawClient(port: listener.port)
            pending.send(post("a"))
            store.waitForOffer()
            return pending
        }
        listener.cancel()
        try? await listener.end()
        #expect(pending.receiveToEnd() == "")
        store.answerOne()
    }

    @Test func keepsDeadlinesOnSockets() async throws {
        var limits = ReceiverLimits()
        limits.headerDeadlineMilliseconds = 100
        limits.bodyDeadlineMilliseconds = 100
        limits.idleMilliseconds = 100
        let listener = try await RunningListener.start(StoreDouble(), limits)
        try await onThread {
            let timedOut = bare("408 Request Timeout", closes: true)
            let cases = [
                ("", ""), ("POST /ho", timedOut), (head("POST /hook", "Content-Length: 9"), timedOut),
                (head("GET /healthz"), bare("200 OK")),
            ]
            for (sent, answered) in cases {
                let client = try RawClient(port: listener.port)
                client.send(sent)
                #expect(client.receiveToEnd() == answered)
            }
        }
        listener.stop()
        try await listener.end()
    }

    @Test func letsTheLongestWaitingGiveWayAtTheCap() async throws {
        var limits = ReceiverLimits()
        limits.connections = 2
        let store = StoreDouble(.waits)
        let listener = try await RunningListener.start(store, limits)
        try await onThread {
            let first = try RawClient(port: listener.port)
            first.send(head("GET /healthz"))
            #expect(first.receive(count: bare("200 OK").utf8.count) == bare("200 OK"))
            let second = try RawClient(port: listener.port)
            second.send(post("a"))
            store.waitForOffer()
            let third = try RawClient(port: listener.port)
            #expect(first.receiveToEnd() == "")
            third.send(post("b"))
            store.waitForOffer()

            let fourth = try RawClient(port: listener.port)
            #expect(fourth.receiveToEnd() == bare("503 Service Unavailable", closes: true, "retry-after: 2"))
            store.answerOne()
            #expect(second.receive(count: accepted(1).utf8.count) == accepted(1))
        }
        listener.stop()
        store.answerOne()
        try await listener.end()
    }

    @Test func tellsAClientThatGivesWayUnreadToComeAgain() async throws {
        var limits = ReceiverLimits()
        limits.connections = 1
        let store = StoreDouble(.waits)
        let listener = try await RunningListener.start(store, limits)
        try await onThread {
            let first = try RawClient(port: listener.port)
            let second = try RawClient(port: listener.port)
            #expect(first.receiveToEnd() == bare("503 Service Unavailable", closes: true, "retry-after: 2"))
            second.send(post("a"))
            store.waitForOffer()
            store.answerOne()
            #expect(second.receive(count: accepted(1).utf8.count) == accepted(1))
        }
        listener.stop()
        try await listener.end()
    }

    @Test func goesOnAfterAResetInABody() async throws {
        let store = StoreDouble(.waits)
        let listener = try await RunningListener.start(store)
        try await onThread {
            let client = try RawClient(port: listener.port)
            client.send(head("POST /hook", "Expect: 100-continue", "Content-Length: 5"))
            #expect(client.receive(count: 25) == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("ab")
            client.reset()
            let gone = try RawClient(port: listener.port)
            gone.send(post("gone"))
            store.waitForOffer()
            gone.reset()
            let next = try RawClient(port: listener.port)
            next.send(post("next"))
            store.waitForOffer()
            store.answerOne()
            store.answerOne()
            #expect(next.receive(count: accepted(2).utf8.count) == accepted(2))
        }
        #expect(store.bodies == ["gone", "next"])
        listener.stop()
        try await listener.end()
    }

    @Test func answersAClientThatEndsItsSideFirst() async throws {
        let store = StoreDouble(.waits)
        let listener = try await RunningListener.start(store)
        try await onThread {
            let client = try RawClient(port: listener.port)
            client.send(post("a"))
            client.endSending()
            store.waitForOffer()
            // Once a later request is answered, the loop has seen the end as well.
            let other = try RawClient(port: listener.port)
            other.send(head("GET /healthz"))
            #expect(other.receive(count: bare("200 OK").utf8.count) == bare("200 OK"))
            store.answerOne()
            #expect(client.receiveToEnd() == accepted(1))
            let short = try RawClient(port: listener.port)
            short.send(head("POST /hook", "Content-Length: 9") + "a")
            short.endSending()
            #expect(short.receiveToEnd() == bare("400 Bad Request", closes: true))
        }
        listener.stop()
        try await listener.end()
    }

    /// The answer must not be lost to a reset because bytes of the body were never read.
    @Test func refusesALargeBodySoThatItsSenderLearnsWhy() async throws {
        let listener = try await RunningListener.start(StoreDouble())
        try await onThread {
            for _ in 0..<10 {
                let client = try RawClient(port: listener.port)
                let body = String(repeating: "a", count: 1_000_000)
                #expect(client.send(post(body)))
                client.endSending()
                #expect(client.receiveToEnd() == bare("413 Content Too Large", closes: true))
            }
        }
        listener.stop()
        try await listener.end()
    }

    @Test func servesAPassedSocket() async throws {
        let listener = try await RunningListener.start(StoreDouble(), endpoint: .socket(RawClient.boundSocket()))
        try await onThread {
            let client = try RawClient(port: listener.port)
            client.send(post("a"))
            #expect(client.receive(count: accepted(1).utf8.count) == accepted(1))
        }
        listener.stop()
        try await listener.end()
    }

    /// What a service manager does at a restart: it keeps the socket.
    @Test func leavesItsCopyOfAPassedSocketListening() async throws {
        let kept = try RawClient.boundSocket()
        defer { Glibc.close(kept) }
        let first = try await RunningListener.start(StoreDouble(), endpoint: .socket(dup(kept)))
        first.stop()
        try await first.end()
        let port = first.port
        let waiting = try await onThread {
            let waiting = try RawClient(port: port)
            waiting.send(post("between"))
            return waiting
        }
        let second = try await RunningListener.start(StoreDouble(), endpoint: .socket(dup(kept)))
        try await onThread { #expect(waiting.receive(count: accepted(1).utf8.count) == accepted(1)) }
        second.stop()
        try await second.end()
    }

    /// Whoever was let in before the stop cannot go to the next process any more.
    @Test func takesAfterTheStopWhatAClientHasBegunOrConnectedFor() async throws {
        let listener = try await RunningListener.start(StoreDouble())
        try await onThread {
            let fresh = try RawClient(port: listener.port)
            let halfway = try RawClient(port: listener.port)
            let signature = "X-Gruveo-SHA256-HMAC: \(signature(of: "12345"))"
            halfway.send(head("POST /hook", signature, "Expect: 100-continue", "Content-Length: 5"))
            #expect(halfway.receive(count: 25) == "HTTP/1.1 100 Continue\r\n\r\n")
            let idle = try RawClient(port: listener.port)
            idle.send(head("GET /healthz"))
            #expect(idle.receive(count: bare("200 OK").utf8.count) == bare("200 OK"))
            listener.stop()
            #expect(idle.receiveToEnd() == "")
            // Within the grace of two seconds, and later than a listener without one would have closed.
            usleep(200_000)
            fresh.send(post("a"))
            #expect(fresh.receiveToEnd() == accepted(1, closes: true))
            halfway.send("12345")
            #expect(halfway.receiveToEnd() == accepted(2, closes: true))
        }
        try await listener.end()
    }

    @Test func saysSoWhenThePortIsTaken() async throws {
        let listener = try await RunningListener.start(StoreDouble())
        let taken = PublicListener.Endpoint.address(host: "127.0.0.1", port: listener.port)
        await #expect(throws: (any Error).self) {
            try await makeListener(StoreDouble(), endpoint: taken).run()
        }
        listener.stop()
        try await listener.end()
    }

    /// Answers come from the store's thread while further requests are read.
    @Test func answersManyConnectionsFromAnotherThread() async throws {
        let store = StoreDouble(.waits)
        let listener = try await RunningListener.start(store)
        try await onThread {
            let clients = try (0..<50).map { _ in try RawClient(port: listener.port) }
            for round in 0..<20 {
                for client in clients { client.send(post("\(round)")) }
                for _ in clients { store.waitForOffer() }
                for _ in clients { store.answerOne() }
                let length = accepted(1).utf8.count
                for client in clients { #expect(client.receive(count: length).hasPrefix("HTTP/1.1 200 OK\r\n")) }
            }
        }
        listener.stop()
        try await listener.end()
    }
}

/// Runs blocking work off the threads that `async` code needs, as part of the test's task: what it expects there counts
/// as that test's.
private func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(BlockingThreads()) { try work() }
}

private final class BlockingThreads: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        NIOThreadPool.singleton.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

private func makeListener(
    _ store: StoreDouble, _ limits: ReceiverLimits = ReceiverLimits(), drainMilliseconds: Int = 10_000,
    endpoint: PublicListener.Endpoint, onBound: @escaping @Sendable (Int?) -> Void = { _ in }
) -> PublicListener {
    var logger = Logger(label: "test")
    logger.logLevel = .error
    return PublicListener(
        endpoint: endpoint, intake: makeIntake(store), limits: limits, drainMilliseconds: drainMilliseconds,
        logger: logger, now: { Timestamp(milliseconds: 42) }, onBound: onBound)
}

/// A listener in a service group of its own.
private struct RunningListener: Sendable {
    let port: Int
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    static func start(
        _ store: StoreDouble, _ limits: ReceiverLimits = ReceiverLimits(), drainMilliseconds: Int = 10_000,
        endpoint: PublicListener.Endpoint = .address(host: "127.0.0.1", port: 0)
    ) async throws -> RunningListener {
        let (ports, bound) = AsyncStream.makeStream(of: Int?.self)
        let listener = makeListener(store, limits, drainMilliseconds: drainMilliseconds, endpoint: endpoint) {
            bound.yield($0)
            bound.finish()
        }
        let group = ServiceGroup(services: [listener], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let task = Task {
            defer { bound.finish() }
            try await group.run()
        }
        for await port in ports { return RunningListener(port: try #require(port), group: group, task: task) }
        try await task.value
        throw RawClient.Failure(code: 0)
    }

    /// Asks it to stop, and returns at once.
    func stop() {
        let group = group
        Task { await group.triggerGracefulShutdown() }
    }

    func cancel() { task.cancel() }

    func end() async throws { try await task.value }
}
