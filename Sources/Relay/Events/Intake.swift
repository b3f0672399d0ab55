import Signatures
import Synchronization

/// The way in, from verified bytes to a durable event; the receiver brings the bytes and writes the answer.
package final class Intake: Sendable {
    /// What the sender of a webhook is told.
    package enum Answer: Sendable, Equatable {
        case accepted(EventID)
        /// The signature header is missing, doubled, malformed or wrong.
        case unauthorized
        /// Not stored: try again after so many seconds.
        case unavailable(retryAfterSeconds: Int)
    }

    /// Told of each request's end, for logs and counters; called on any thread.
    package enum Notice: Sendable {
        case accepted(Acceptance, source: String, keyLabel: String, routing: Routing)
        case badSignature(source: String)
        case refused(source: String, StoreError)
    }

    private let configuration: Mutex<Configuration>
    private let store: any Store
    private let notify: @Sendable (Notice) -> Void

    package init(
        configuration: Configuration, store: any Store, notify: @escaping @Sendable (Notice) -> Void
    ) {
        self.configuration = Mutex(configuration)
        self.store = store
        self.notify = notify
    }

    /// What requests go by now.
    package var current: Configuration { configuration.withLock { $0 } }

    /// Makes later requests go by another configuration.
    package func use(_ configuration: Configuration) {
        self.configuration.withLock { $0 = configuration }
    }

    /// The source that listens at this path, nil for 404.
    package func source(atPath path: String) -> Source? { configuration.withLock { $0.source(atPath: path) } }

    /// Verifies, routes and stores one body. The answer comes once, after the event is durable, on any thread.
    ///
    /// `signatures` are the values of all signature headers of the request: there must be exactly one.
    package func take(
        _ body: [UInt8], source: Source, signatures: [String], receivedAt: Timestamp,
        answer: @escaping @Sendable (Answer) -> Void
    ) {
        guard signatures.count == 1, let signature = IncomingSignature.decode(signatures[0]),
            let matching = source.verifier.matchingKey(signature: signature, body: body)
        else {
            notify(.badSignature(source: source.name))
            return answer(.unauthorized)
        }
        let label = source.verifier.keys[matching].label
        let router = configuration.withLock { $0.router }
        let routing = router.route(body, source: source, receivedAt: receivedAt)
        let offer = Offer(
            source: source.name, body: body, receivedAt: receivedAt, routing: routing,
            dedupeMilliseconds: source.dedupeMilliseconds)
        store.accept(offer) { [notify] result in
            switch result {
            case .success(let acceptance):
                notify(.accepted(acceptance, source: source.name, keyLabel: label, routing: routing))
                answer(.accepted(acceptance.id))
            case .failure(let error):
                notify(.refused(source: source.name, error))
                answer(.unavailable(retryAfterSeconds: error.kind == .closed ? 2 : 10))
            }
        }
    }
}
