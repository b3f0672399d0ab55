import Glibc
import Relay
import Synchronization
import Testing

@testable import CurlSender

struct ShutdownTests {
    @Test func whatIsUnderWayIsCancelledAtTheDeadline() async throws {
        let server = TestServer { $0.waitForEnd() }
        defer { server.stop() }
        let sender = try CurlSender(version: "test")
        let url = server.url()
        async let first = sender.failure(of: request(url))
        async let second = sender.failure(of: request(url))
        while server.connections < 2 { await Task.yield() }
        await sender.shutdown(graceMilliseconds: 50)
        #expect(await first?.kind == .cancelled)
        #expect(await second?.kind == .cancelled)
    }

    @Test func whatEndsInTimeIsNotCancelled() async throws {
        let gate = Mutex(false)
        let server = TestServer { connection in
            _ = connection.readRequest()
            while !gate.withLock({ $0 }) { usleep(1000) }
            connection.write(plainAnswer)
            connection.waitForEnd()
        }
        defer { server.stop() }
        let sender = try CurlSender(version: "test")
        let url = server.url()
        async let response = sender.response(to: request(url))
        while server.connections < 1 { await Task.yield() }
        async let end: Void = sender.shutdown(graceMilliseconds: 10_000)
        gate.withLock { $0 = true }
        #expect(await response?.status == 200)
        await end
    }

    @Test func completeHeadersAreAnAnswerEvenThen() async throws {
        let isWritten = Mutex(false)
        let server = TestServer { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            isWritten.withLock { $0 = true }
            connection.waitForEnd()
        }
        defer { server.stop() }
        let sender = try CurlSender(version: "test")
        let url = server.url()
        async let response = sender.response(to: request(url))
        while !isWritten.withLock({ $0 }) { await Task.yield() }
        await sender.shutdown(graceMilliseconds: 100)
        #expect(await response?.status == 200)
        #expect(await response?.isComplete == false)
    }

    @Test func afterwardsRequestsAreRefusedAndTheExecutorStillRuns() async throws {
        let sender = try CurlSender(version: "test")
        await sender.shutdown(graceMilliseconds: 0)
        await sender.shutdown(graceMilliseconds: 0)
        for _ in 0..<100 { #expect(await sender.failure(of: request("http://127.0.0.1/"))?.kind == .cancelled) }
        let late = Late(executor: sender.executor)
        for number in 1...100 { #expect(await late.next() == number) }
    }

    @Test func nothingIsLeftOpen() async throws {
        let server = TestServer.answering(plainAnswer)
        defer { server.stop() }
        weak var gone: CurlSender?
        for _ in 0..<3 {
            let sender = try CurlSender(version: "test")
            _ = await sender.response(to: request(server.url()))
            await sender.shutdown(graceMilliseconds: 0)
            gone = sender
        }
        #expect(gone == nil)
    }
}

/// An actor that outlives the sender whose thread it used.
private actor Late {
    private nonisolated let executor: any SerialExecutor
    private var count = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(executor: any SerialExecutor) { self.executor = executor }

    func next() -> Int {
        count += 1
        return count
    }
}
