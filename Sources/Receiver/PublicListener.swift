import Glibc
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
package import Relay
import ServiceLifecycle

/// The public listener: one HTTP/1.1 server on one event loop, from its socket to its graceful end.
package struct PublicListener: Service {
    /// Where to listen.
    package enum Endpoint: Sendable, Equatable {
        /// Port 0 for one that is free.
        case address(host: String, port: Int)
        /// A bound stream socket, as systemd passes it. The listener closes this descriptor and nothing else: who has
        /// another one of the socket keeps it listening, and what is not accepted yet waits there.
        case socket(CInt)
    }

    /// Why the listener ended although nobody asked it to.
    package enum Failure: Error, Sendable, Equatable {
        case socketClosed
    }

    /// Connections that may wait to be accepted.
    private static let backlog: CInt = 512

    private let endpoint: Endpoint
    private let intake: Intake
    private let limits: ReceiverLimits
    private let drainMilliseconds: Int
    private let logger: Logger
    private let now: @Sendable () -> Timestamp
    private let onBound: @Sendable (_ port: Int?) -> Void

    /// `now` gives the receive time of each event; `onBound` is called once connections are accepted, with the port,
    /// nil for a socket without one.
    package init(
        endpoint: Endpoint, intake: Intake, limits: ReceiverLimits = ReceiverLimits(), drainMilliseconds: Int,
        logger: Logger, now: @escaping @Sendable () -> Timestamp, onBound: @escaping @Sendable (_ port: Int?) -> Void
    ) {
        self.endpoint = endpoint
        self.intake = intake
        self.limits = limits
        self.drainMilliseconds = drainMilliseconds
        self.logger = logger
        self.now = now
        self.onBound = onBound
    }

    /// Serves until a graceful shutdown, which takes the drain time at most, or a cancellation, which takes none.
    /// Throws NIO's error when the socket cannot be bound.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await serve(on: group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private static func name(of address: SocketAddress?) -> String {
        guard let host = address?.ipAddress, let port = address?.port else { return "a passed socket" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private func serve(on group: MultiThreadedEventLoopGroup) async throws {
        let eventLoop = group.next()
        let connections = try await eventLoop.submit {
            NIOLoopBound(
                Connections(intake: intake, limits: limits, eventLoop: eventLoop, logger: logger, now: now),
                eventLoop: eventLoop)
        }.get()
        let server = try await bind(bootstrap(group, connections))
        logger.info("receiving on \(PublicListener.name(of: server.localAddress))")
        onBound(server.localAddress?.port)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                try? await server.closeFuture.get()
            } onGracefulShutdown: {
                server.close(promise: nil)
            }
        } onCancel: {
            server.close(promise: nil)
        }
        let wasAsked = Task.isCancelled || Task.isShuttingDownGracefully
        let drain = Task.isCancelled ? 0 : drainMilliseconds
        try await eventLoop.flatSubmit { connections.value.stop(drainMilliseconds: drain) }.get()
        if !wasAsked { throw Failure.socketClosed }
    }

    private func bind(_ bootstrap: ServerBootstrap) async throws -> any Channel {
        switch endpoint {
        case .address(let host, let port): try await bootstrap.bind(host: host, port: port).get()
        case .socket(let descriptor): try await take(descriptor, bootstrap)
        }
    }

    private func take(_ descriptor: CInt, _ bootstrap: ServerBootstrap) async throws -> any Channel {
        let server = try await bootstrap.withBoundSocket(descriptor).get()
        // NIO lets 128 wait, whatever was set. A shorter queue is no reason not to serve.
        _ = listen(descriptor, PublicListener.backlog)
        return server
    }

    private func bootstrap(_ group: MultiThreadedEventLoopGroup, _ connections: NIOLoopBound<Connections>)
        -> ServerBootstrap
    {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: PublicListener.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { [logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(logger: logger))
                }
            }
            // A client may end its side and still wait for the answer.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            // One read before the handler is asked again, which bounds what a client can send ahead.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addReceiver(connections.value)
                }
            }
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// The whole pipeline: NIO's decoder and our handler, which writes bytes.
    func addReceiver(_ connections: Connections) throws {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderFieldSize = connections.limits.headerBytes
        configuration.maxHeaderListSize = connections.limits.headerBytes
        configuration.maxHeaderFieldCount = connections.limits.headerCount
        let decoder = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop,
            limitConfiguration: configuration)
        try addHandlers([ByteToMessageHandler(decoder), Connection(connections)])
    }
}
