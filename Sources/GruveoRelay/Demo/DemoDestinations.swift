import Hummingbird
import Logging
import Relay
import Synchronization

/// Destinations on loopback that remember what they get; one of them refuses everything.
final class DemoDestinations: Sendable {
    struct Received: Sendable {
        let destination: String
        let headers: [(name: String, value: String)]
        let body: String
    }

    private let received = Mutex<[Received]>([])

    func all() -> [Received] { received.withLock { $0 } }

    /// Serves on a free port until the task is cancelled; `onPort` is called once it listens.
    func run(logger: Logger, onPort: @escaping @Sendable (Int) async -> Void) async throws {
        let router = Hummingbird.Router(context: BasicRequestContext.self)
        router.post("{destination}") { [self] request, context in
            let name = context.parameters.get("destination") ?? ""
            let body = try await request.body.collect(upTo: 1_048_576)
            let headers = request.headers.map { ($0.name.rawName, $0.value) }
            let item = Received(destination: name, headers: headers, body: String(buffer: body))
            received.withLock { $0.append(item) }
            return name == DemoRoutes.refusing ? HTTPResponse.Status.unprocessableContent : .ok
        }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0), serverName: nil),
            onServerRunning: { channel in await onPort(channel.localAddress?.port ?? 0) }, logger: logger)
        try await application.run()
    }
}
