import Hummingbird
import JSON
package import Logging
package import Relay
import ServiceLifecycle

/// The admin listener on a unix socket: health, and what the command line asks of a running relay.
///
/// The socket's file permission (0700, by the process' umask) is the authentication.
package struct AdminListener: Service {
    /// What a request can make the relay do.
    package struct Actions: Sendable {
        package let reload: @Sendable () async -> ReloadReport
        package let counts: @Sendable () async throws -> StoreCounts
        /// What is wrong with the database; nil where nothing is known to be.
        package let damage: @Sendable () async -> String?
        /// Events by the key that verified them, `source/label`.
        package let matchesByKey: @Sendable () -> [String: Int]
        package let discard: @Sendable (EventID, String) async throws -> Void
        package let drop: @Sendable (DropRequest) async throws -> DropPage
        package let destinations: @Sendable () async -> [LaneReport]
        /// Nil where no destination has the name.
        package let order: @Sendable (LaneOrder, String) async throws -> LaneReport?
        package let replay: @Sendable (ReplayRequest) async throws(ReplayFault) -> ReplayPage

        package init(
            reload: @escaping @Sendable () async -> ReloadReport,
            counts: @escaping @Sendable () async throws -> StoreCounts,
            damage: @escaping @Sendable () async -> String?,
            matchesByKey: @escaping @Sendable () -> [String: Int],
            discard: @escaping @Sendable (EventID, String) async throws -> Void,
            drop: @escaping @Sendable (DropRequest) async throws -> DropPage,
            destinations: @escaping @Sendable () async -> [LaneReport],
            order: @escaping @Sendable (LaneOrder, String) async throws -> LaneReport?,
            replay: @escaping @Sendable (ReplayRequest) async throws(ReplayFault) -> ReplayPage
        ) {
            self.reload = reload
            self.counts = counts
            self.damage = damage
            self.matchesByKey = matchesByKey
            self.discard = discard
            self.drop = drop
            self.destinations = destinations
            self.order = order
            self.replay = replay
        }
    }

    private let application: Application<RouterResponder<BasicRequestContext>>

    /// - Parameter onBound: called once requests are taken.
    package init(
        socketPath: String, actions: Actions, logger: Logger, onBound: @escaping @Sendable () -> Void
    ) {
        var quiet = logger
        quiet.logLevel = .critical
        application = Application(
            router: AdminListener.router(actions),
            configuration: ApplicationConfiguration(address: .unixDomainSocket(path: socketPath), serverName: nil),
            onServerRunning: { _ in onBound() }, logger: quiet)
    }

    /// Serves until graceful shutdown.
    package func run() async throws { try await application.run() }

    private static func router(_ actions: Actions) -> Hummingbird.Router<BasicRequestContext> {
        let router = Hummingbird.Router(context: BasicRequestContext.self)
        router.get("healthz") { _, _ in answer(.ok, ["status": .string("ok")]) }
        router.get("readyz") { _, _ in
            if let damage = await actions.damage() {
                let text = "the database is damaged, stop the relay and run `gruveo-relay doctor --repair`: \(damage)"
                return answer(.serviceUnavailable, ["status": .string(text)])
            }
            do {
                _ = try await actions.counts()
                return answer(.ok, ["status": .string("ready")])
            } catch { return answer(.serviceUnavailable, ["status": .string("\(error)")]) }
        }
        router.get("counts") { _, _ in
            var members = try await actions.counts().members
            let keys = actions.matchesByKey().sorted { $0.key < $1.key }
            members.append(
                "keys",
                .object(
                    JSONObject(keys.map { JSONObject.Member(key: $0.key, value: .number(JSONNumber($0.value))) })))
            return answer(.ok, members)
        }
        router.post("reload") { _, _ in
            let report = await actions.reload()
            return answer(
                report.isInForce ? .ok : .unprocessableContent,
                ["findings": .array(report.findings.map { .string($0) })])
        }
        addDeliveries(router, actions)
        addDestinations(router, actions)
        return router
    }

    /// What an operator does to stored events and their deliveries.
    private static func addDeliveries(_ router: Hummingbird.Router<BasicRequestContext>, _ actions: Actions) {
        let replay = ReplayRoute(page: actions.replay)
        router.post("replay") { request, _ in
            let (status, object) = try await replay.answer(request)
            return answer(status, object)
        }
        let drop = DropRoute(page: actions.drop)
        router.post("drop/:destination") { request, context in
            let (status, object) = await drop.answer(request, destination: context.parameters.get("destination") ?? "")
            return answer(status, object)
        }
        router.post("discard/:destination/:id") { _, context in
            guard let id = context.parameters.get("id").flatMap({ EventID($0) }),
                let destination = context.parameters.get("destination")
            else { return answer(.badRequest, ["error": .string("discard takes a destination and an event id")]) }
            do { try await actions.discard(id, destination) } catch {
                if let error = error as? StoreError, error.kind == .underWay {
                    return answer(.conflict, ["error": .string("\(error)")])
                }
                return answer(.serviceUnavailable, ["error": .string("\(error)")])
            }
            return answer(.ok, ["status": .string("discarded")])
        }
    }

    /// How destinations are, and orders to them.
    private static func addDestinations(_ router: Hummingbird.Router<BasicRequestContext>, _ actions: Actions) {
        router.get("destinations") { _, _ in
            let reports = await actions.destinations()
            return answer(.ok, ["destinations": .array(reports.map { .object($0.object) })])
        }
        router.post("destinations/:destination/:order") { _, context in
            guard let order = context.parameters.get("order").flatMap({ LaneOrder(rawValue: $0) }),
                let name = context.parameters.get("destination")
            else { return answer(.badRequest, ["error": .string("an order is pause, resume or probe")]) }
            do {
                guard let report = try await actions.order(order, name) else {
                    return answer(.notFound, ["error": .string("no destination has the name \(name)")])
                }
                return answer(.ok, report.object)
            } catch {
                let text = "it is done, but could not be written down yet: \(error)"
                return answer(.serviceUnavailable, ["error": .string(text)])
            }
        }
    }

    private static func answer(_ status: HTTPResponse.Status, _ members: KeyValuePairs<String, JSONValue>)
        -> Hummingbird.Response
    {
        answer(status, JSONObject(members))
    }

    private static func answer(_ status: HTTPResponse.Status, _ object: JSONObject) -> Hummingbird.Response {
        let body = JSONSerializer.bytes(.object(object)) + [UInt8(ascii: "\n")]
        return Hummingbird.Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// What a reload came to.
package struct ReloadReport: Sendable {
    /// False where the old rules stay.
    package let isInForce: Bool
    /// One line each, as `check` prints them.
    package let findings: [String]

    package init(isInForce: Bool, findings: [String]) {
        self.isInForce = isInForce
        self.findings = findings
    }
}

extension StoreCounts {
    /// The books as the command line and a person read them.
    var members: JSONObject {
        func number(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
        return JSONObject([
            "matched": number(matched), "unmatched": number(unmatched), "quarantined": number(quarantined),
            "duplicates": number(duplicates), "routed": number(routed), "replayed": number(replayed),
            "delivered": number(delivered), "pending": number(pending), "dead": number(dead),
            "discarded": number(discarded),
        ])
    }
}
