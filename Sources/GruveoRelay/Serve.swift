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
import Synchronization
import UnixSignals

/// The whole relay, wired: each part is made once here and knows the others only through Relay's ports.
///
/// An event's way: listener → Intake (verify, route) → store (one commit) → 200 and → dispatcher → sender → outcome →
/// store; a dead one through the dead-letter directory first.
final class RelayServer: Sendable {
    /// Where things are and who is told.
    struct Options: Sendable {
        let loader: RoutesLoader
        /// Where to listen, or where the passed socket does.
        let address: ListenAddress
        /// The listening socket that the service manager passes.
        var socket: CInt?
        let state: String
        /// Whether to start with a database that has lost events.
        var acceptsLoss = false
        /// Trapped since before the store was opened: a SIGHUP during the start is a reload after it.
        let hangups: UnixSignalsSequence
        let logger: Logger
        /// Told the address once webhooks are taken.
        var onReady: @Sendable (ListenAddress) -> Void = { _ in }
    }

    private let options: Options
    private let drainMilliseconds: Int
    private let reporter: Reporter
    private let store: EmbeddedStore
    private let sender: CurlSender
    private let deadLetters: DeadLetterDirectory
    private let receiverLimits: ReceiverLimits
    private let dispatcher: LaneDispatcher
    private let intake: Intake
    private let listening = Mutex<ListenAddress?>(nil)

    /// Opens the state directory and makes every part; nothing listens yet.
    init(_ loaded: RoutesLoader.Loaded, configuration: Configuration, options: Options) throws {
        // What the relay makes is its own: the queue holds personal data.
        umask(0o077)
        let connections = try affordableConnections()
        receiverLimits = ReceiverLimits(mostConnections: connections)
        self.options = options
        drainMilliseconds = configuration.limits.drainMilliseconds
        let reporter = Reporter(logger: options.logger)
        self.reporter = reporter
        store = try openStore(
            options.state, limits: StoreLimits(configuration), acceptsLoss: options.acceptsLoss,
            onTrouble: reporter.store)
        sender = try CurlSender(version: GruveoRelayCommand.version, mostConnections: connections)
        let deadLetters = DeadLetterDirectory(stateDirectory: options.state)
        self.deadLetters = deadLetters
        deadLetters.leaveFree(StoreLimits(configuration).freeForBooks)
        try explainingErrors { () throws(DeadLetterError) in try deadLetters.prepare() }
        let dispatcher = LaneDispatcher(
            destinations: configuration.destinations, records: store.laneRecords,
            ports: LaneDispatcher.Ports(
                store: store, sender: sender, deadLetters: deadLetters, now: wallClock,
                jitter: { Double.random(in: 0.8...1.2) }, laneKey: store.laneKey, notify: reporter.dispatch))
        self.dispatcher = dispatcher
        // At once, so that what was committed first comes first.
        store.handOver(
            to: { deliveries in Task.immediate { await dispatcher.take(deliveries) } },
            onRewind: { Task.immediate { await dispatcher.wakeAll() } })
        intake = Intake(configuration: configuration, store: store, notify: reporter.intake)
        rememberRoutes(loaded.bytes)
    }

    /// Serves until SIGTERM or SIGINT, then stops in reverse order.
    func run() async throws {
        var quiet = options.logger
        quiet.logLevel = max(quiet.logLevel, .critical)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services().map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: quiet))
        defer { LogWriter.shared.flush() }
        try await group.run()
        options.logger.notice("stopped")
    }

    /// In order of dependency: stopped from the last to the first, so that each still has what it stands on.
    private func services() -> [any Service] {
        let (adminBound, admin) = AsyncStream.makeStream(of: Void.self)
        let reloader = Reloader(loader: options.loader, hangups: options.hangups, logger: options.logger) {
            await self.apply($0, $1)
        }
        return [
            Closing { [store] in await offThePool { store.close() } },
            Closing { [dispatcher] in
                await dispatcher.finishLetters()
                await dispatcher.finishSettling()
            },
            Closing { [sender, drainMilliseconds] in await sender.shutdown(graceMilliseconds: drainMilliseconds) },
            dispatcher,
            RedriveLoop(service: RedriveService(stateDirectory: options.state, store: store, report: redriven)),
            Pruner(logger: options.logger) { [store] in
                _ = try await awaiting { store.prune(now: wallClock(), completion: $0) }
            },
            reloader,
            AdminListener(
                socketPath: freshAdminSocket(), actions: actions(reloader), logger: options.logger,
                onBound: { admin.yield() }),
            Watchdog(
                address: { self.listening.withLock { $0 } },
                storeAnswers: { [store] in (try? await awaiting(store.counts)) != nil },
                dispatcherTurn: { [dispatcher] in await dispatcher.advance() }, logger: options.logger),
            // Who sees that the relay is ready may ask it to reload at once.
            Following(
                adminBound,
                PublicListener(
                    endpoint: options.socket.map { .socket($0) }
                        ?? .address(host: options.address.host, port: options.address.port),
                    intake: intake, limits: receiverLimits, drainMilliseconds: drainMilliseconds,
                    logger: options.logger, now: wallClock,
                    onBound: bound)),
        ]
    }

    private func actions(_ reloader: Reloader) -> AdminListener.Actions {
        AdminListener.Actions(
            reload: { await reloader.reload() },
            counts: { [store] in try await awaiting(store.counts) },
            damage: { [store] in await store.damage() },
            matchesByKey: reporter.matchesByKey,
            discard: { [store] id, name in
                try await awaiting { store.discard(id, destination: name, completion: $0) }
            },
            drop: { [dispatcher, reporter] drop in
                let page = try await awaiting { done in Task { await dispatcher.drop(drop, completion: done) } }
                reporter.dropped(page, of: drop)
                return page
            },
            destinations: { [dispatcher, options] in
                let reports = await dispatcher.reports()
                return await offThePool { withoutEmptyOrphans(reports, state: options.state) }
            },
            order: { [dispatcher] order, name in
                try await awaiting { done in
                    Task { await dispatcher.carryOut(order, to: name, completion: done) }
                }
            },
            replay: replay)
    }

    /// One page of a replay, by the routes in force.
    private func replay(_ request: ReplayRequest) async throws(ReplayFault) -> ReplayPage {
        let replayer = Replayer(store: store, now: wallClock) { [dispatcher] in await dispatcher.wake($0) }
        let page = try await replayer.page(request, by: intake.current)
        if !request.isDryRun { reporter.replayed(page) }
        return page
    }

    /// Puts another configuration in force.
    private func apply(_ loaded: RoutesLoader.Loaded, _ configuration: Configuration) async {
        rememberRoutes(loaded.bytes)
        store.adjust(StoreLimits(configuration))
        deadLetters.leaveFree(StoreLimits(configuration).freeForBooks)
        // Destinations first: an event routed by the new rules then finds its lane.
        await dispatcher.use(configuration.destinations)
        intake.use(configuration)
    }

    /// Keeps a copy of the routes in force, for a start after somebody broke the file.
    private func rememberRoutes(_ bytes: [UInt8]) {
        let path = options.loader.lastGood(state: options.state).path
        do throws(FileFault) { try Files.replace(path, with: bytes) } catch {
            options.logger.warning("the last good routes file is not kept", metadata: ["error": "\(error)"])
        }
    }

    private func redriven(_ report: RedriveReport) {
        reporter.redrive(report)
        guard case .accepted(_, let redrive) = report else { return }
        Task { await dispatcher.wake(redrive.destination) }
    }

    private func bound(port: Int?) {
        let address = ListenAddress(host: options.address.host, port: port ?? options.address.port)
        listening.withLock { $0 = address }
        ServiceManager.notify("READY=1")
        store.checkInBackground()
        options.onReady(address)
    }

    /// The admin socket's path; one that an earlier process left is removed: the lock says that nobody uses it.
    ///
    /// Under systemd it is in the runtime directory, and the state directory has a link to it, so that a command which
    /// knows only the state finds it.
    private func freshAdminSocket() -> String {
        let inState = adminSocketPath(state: options.state)
        unlink(inState)
        guard let runtime = environment("RUNTIME_DIRECTORY") else { return inState }
        let path = "\(runtime)/admin.sock"
        unlink(path)
        if symlink(path, inState) != 0 {
            options.logger.warning("no link to the admin socket", metadata: ["path": "\(inState)"])
        }
        return path
    }
}
