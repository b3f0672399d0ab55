import NIOCore
import Relay
import Synchronization

/// Brings answers from the store's thread to the event loop, a whole batch in one hop.
final class Mailbox: Sendable {
    private struct Letter: Sendable {
        let connection: NIOLoopBound<Connection>
        let answer: Intake.Answer
    }

    private struct State {
        var letters: [Letter] = []
        var isClosed = false
    }

    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Hands an answer to its connection; on any thread.
    func post(_ answer: Intake.Answer, to connection: NIOLoopBound<Connection>) {
        if eventLoop.inEventLoop { return connection.value.finish(with: answer) }
        state.withLock { state in
            guard !state.isClosed else { return }
            state.letters.append(Letter(connection: connection, answer: answer))
            // Under the lock, so that after `close` the loop, which may be gone then, is not called.
            if state.letters.count == 1 { eventLoop.execute { self.deliver() } }
        }
    }

    /// Drops what is still posted: all connections are closed.
    func close() { state.withLock { $0 = State(isClosed: true) } }

    private func deliver() {
        let batch = state.withLock { state in
            defer { state.letters.removeAll() }
            return state.letters
        }
        for letter in batch { letter.connection.value.finish(with: letter.answer) }
    }
}
