import Console
import CurlSender
import DeadLetterFiles
import Dispatcher
import Glibc
import Logging
import Receiver
import Relay
import SQLiteStore
import ServiceLifecycle
import UnixSignals

/// The whole relay, wired: each part is made once here and knows the others only through Relay's ports.
///
/// An event's way: listener → Intake (verify, route) → store (one commit) → 200 and → dispatcher → sender → outcome →
/// store; a dead one through the dead-letter directory first.
struct RelayServer {
    private let services: [any Service]
    private let logger: Logger

    /// Opens the state directory and makes every part; nothing listens yet. `onReady` is told the port.
    init(
        configuration: Configuration, loader: RoutesLoader, address: ListenAddress, state: String, logger: Logger,
        onReady: @escaping @Sendable (Int) -> Void
    ) throws {
        // What the relay makes is its own: the queue holds personal data.
        umask(0o077)
        self.logger = logger
        let reporter = Reporter(logger: logger)
        let drain = configuration.limits.drainMilliseconds
        let store = try openStore(state, limits: configuration.limits, onTrouble: reporter.store)
        let deadLetters = DeadLetterDirectory(stateDirectory: state)
        try deadLetters.prepare()
        let sender = try CurlSender(version: GruveoRelayCommand.version)
        let dispatcher = LaneDispatcher(
            destinations: configuration.destinations,
            ports: LaneDispatcher.Ports(
                store: store, sender: sender, deadLetters: deadLetters, now: wallClock,
                jitter: { Double.random(in: 0.8...1.2) }, notify: reporter.dispatch))
        store.handOver { deliveries in Task { await dispatcher.take(deliveries) } }
        let intake = Intake(configuration: configuration, store: store, notify: reporter.intake)
        let reloader = Reloader(loader: loader, logger: logger) { configuration in
            store.adjust(StoreLimits(configuration.limits))
            // Destinations first: an event routed by the new rules then finds its lane.
            await dispatcher.use(configuration.destinations)
            intake.use(configuration)
        }
        // In order of dependency: stopped from the last to the first, so that each still has what it stands on.
        services = [
            Closing { store.close() },
            Closing { await sender.shutdown(graceMilliseconds: drain) },
            dispatcher,
            RedriveLoop(
                service: RedriveService(stateDirectory: state, store: store) { report in
                    reporter.redrive(report)
                    if case .accepted(_, let redrive) = report {
                        Task { await dispatcher.wake(redrive.destination) }
                    }
                }),
            Pruner(logger: logger) { _ = try await awaiting { store.prune(now: wallClock(), completion: $0) } },
            reloader,
            AdminListener(
                socketPath: adminSocket(state: state),
                actions: AdminListener.Actions(
                    reload: { await reloader.reload() },
                    counts: { try await awaiting(store.counts) },
                    discard: { id, name in
                        try await awaiting { store.discard(id, destination: name, completion: $0) }
                    }), logger: logger),
            PublicListener(
                endpoint: .address(host: address.host, port: address.port), intake: intake, drainMilliseconds: drain,
                logger: logger, now: wallClock,
                onBound: { port in
                    ServiceManager.notify("READY=1")
                    onReady(port ?? 0)
                }),
        ]
    }

    /// Serves until SIGTERM or SIGINT, then stops in reverse order.
    func run() async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .error)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: quiet))
        try await group.run()
        logger.notice("stopped")
    }
}

/// The admin socket's path; one that an earlier process left is removed, the lock says that nobody uses it.
private func adminSocket(state: String) -> String {
    let path = adminSocketPath(state: state)
    unlink(path)
    return path
}
