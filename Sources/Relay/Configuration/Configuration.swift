package import Signatures

/// Everything that a routes file says, with its secrets resolved: what a running relay works by. Immutable; a reload
/// makes a new one and swaps it in.
package struct Configuration: Sendable {
    package let sources: [Source]
    package let destinations: [String: Destination]
    package let router: Router
    package let limits: Limits

    package init(sources: [Source], destinations: [String: Destination], router: Router, limits: Limits) {
        self.sources = sources
        self.destinations = destinations
        self.router = router
        self.limits = limits
    }

    /// The source whose path is exactly this one, query not included.
    package func source(atPath path: String) -> Source? { sources.first { $0.path.hasSameBytes(as: path) } }
}

/// Where webhooks come in.
package struct Source: Sendable {
    package let name: String
    package let path: String
    package let verifier: Verifier
    /// Milliseconds in which the same bytes are a duplicate; nil where dedupe is off.
    package let dedupeMilliseconds: Int64?
    /// Largest body in bytes.
    package let maxBody: Int
    /// Oldest `timestamp` of an event in milliseconds before its receipt; nil for no limit.
    package let maxAgeMilliseconds: Int64?

    package init(
        name: String, path: String, verifier: Verifier, dedupeMilliseconds: Int64?, maxBody: Int,
        maxAgeMilliseconds: Int64?
    ) {
        self.name = name
        self.path = path
        self.verifier = verifier
        self.dedupeMilliseconds = dedupeMilliseconds
        self.maxBody = maxBody
        self.maxAgeMilliseconds = maxAgeMilliseconds
    }
}

/// Where events go.
package struct Destination: Sendable {
    package struct Header: Sendable {
        package let name: String
        package let value: String
        /// Whether a person may see the value.
        package let isSecret: Bool

        package init(name: String, value: String, isSecret: Bool) {
            self.name = name
            self.value = value
            self.isSecret = isSecret
        }
    }

    package let name: String
    package let method: String
    /// A secret behind its host.
    package let url: String
    package let headers: [Header]
    package let signer: Signer?
    package let options: TransferOptions
    package let retry: RetrySchedule
    package let overrides: OutcomeOverrides
    /// Requests in flight at most.
    package let concurrency: Int
    /// Nil where nothing of a request depends on the event but its body, which then goes out as it came.
    package let templates: RequestTemplates?
    package let rate: Rate?
    /// Whether deliveries go out one by one in order of arrival; `concurrency` is 1 then.
    package let isOrdered: Bool
    /// How the access token is got that each request shows; nil where none is needed.
    package let oauth2: OAuth2?

    package init(
        name: String, method: String, url: String, headers: [Header], signer: Signer?, options: TransferOptions,
        retry: RetrySchedule, overrides: OutcomeOverrides, concurrency: Int, templates: RequestTemplates? = nil,
        rate: Rate? = nil, isOrdered: Bool = false, oauth2: OAuth2? = nil
    ) {
        self.name = name
        self.method = method
        self.url = url
        self.headers = headers
        self.signer = signer
        self.options = options
        self.retry = retry
        self.overrides = overrides
        self.templates = templates
        self.concurrency = isOrdered ? 1 : concurrency
        self.rate = rate
        self.isOrdered = isOrdered
        self.oauth2 = oauth2
    }
}

/// Bounds of the whole relay.
package struct Limits: Sendable, Equatable {
    /// How long a settled event is kept; 7 days.
    package var retentionMilliseconds: Int64 = 7 * 86_400_000
    /// Free bytes on the state directory's file system below which events are answered 503; 256 MiB.
    package var freeSpaceBytes: Int64 = 268_435_456
    /// Waiting deliveries above which events are answered 503; nil for no limit.
    package var backlog: Int?
    /// How long transfers in flight may go on after SIGTERM; 10 s.
    package var drainMilliseconds = 10_000

    package init() {}
}

/// When to try again.
package struct RetrySchedule: Sendable, Equatable {
    /// Waits in milliseconds between one attempt and the next; one more attempt than waits.
    package let waitsMilliseconds: [Int64]
    /// Age in milliseconds after which nothing is tried again.
    package let budgetMilliseconds: Int64

    package init(waitsMilliseconds: [Int64], budgetMilliseconds: Int64) {
        self.waitsMilliseconds = waitsMilliseconds
        self.budgetMilliseconds = budgetMilliseconds
    }

    /// Standard Webhooks' schedule: at once, then 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h; 80 h in all.
    package static let standard = RetrySchedule(
        waitsMilliseconds: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map { $0 * 1000 },
        budgetMilliseconds: 80 * 3_600_000)
}

extension String {
    /// Byte by byte: paths, names and ids are not text to be normalised.
    package func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
