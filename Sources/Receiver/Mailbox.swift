import NIOCore
import Relay
import Synchronization

/// Brings answers from the store's thread to the event loop, a whole batch in one hop.
final class Mailbox: Sendable {
    private struct Letter: Sendable {
        let connection: NIOLoopBound<Connection>
        let answer: Intake.Answer
    }

    private let eventLoop: any EventLoop
    private let letters = Mutex<[Letter]>([])

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Hands an answer to its connection; on any thread.
    func post(_ answer: Intake.Answer, to connection: NIOLoopBound<Connection>) {
        if eventLoop.inEventLoop { return connection.value.finish(with: answer) }
        let isFirst = letters.withLock { letters in
            letters.append(Letter(connection: connection, answer: answer))
            return letters.count == 1
        }
        if isFirst { eventLoop.execute { self.deliver() } }
    }

    private func deliver() {
        let batch = letters.withLock { letters in
            defer { letters.removeAll() }
            return letters
        }
        for letter in batch { letter.connection.value.finish(with: letter.answer) }
    }
}
