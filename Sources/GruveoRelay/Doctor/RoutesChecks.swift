import CurlSender
import Glibc
import Relay

/// The checks of the routes file, its secrets, and whether its destinations can be reached.
struct RoutesChecks {
    let loaded: RoutesLoader.Loaded

    /// Something that is connected to.
    private struct Peer: Sendable {
        let subject: String
        let url: String
        let options: TransferOptions
    }

    func file(_ report: (DoctorFinding) -> Void) {
        var (errors, unknown) = (0, 0)
        // Whatever `check` makes of a file that is not there: the relay, or a destination of it, cannot do without.
        for finding in loaded.findings.map({ $0.isMissingFile ? $0.asError : $0 }) {
            let line = finding.line(file: loaded.path)
            switch finding.severity {
            case .error:
                errors += 1
                report(.error("routes", line, EX_CONFIG))
            case .warning: report(.warning("routes", line))
            case .note:
                guard finding.message.contains("cannot be read") else { continue }
                unknown += 1
                report(.note("routes", line))
            }
        }
        if errors > 0 { return }
        if unknown == 0 { return report(.ok("routes", "\(loaded.path) can be served")) }
        let files = "\(unknown) of its secrets and keys cannot be read here"
        report(.note("routes", "\(files): \(loaded.path) can be served where the relay can read them"))
    }

    /// Connects to every destination and token endpoint at once, sends nothing.
    func network(_ report: (DoctorFinding) -> Void) async {
        guard let configuration = loaded.configuration else { return }
        let peers = configuration.destinations.values.sorted { $0.name < $1.name }.flatMap(peers)
        await withTaskGroup(of: (Int, DoctorFinding).self) { group in
            for (position, peer) in peers.enumerated() {
                group.addTask { (position, await offThePool { RoutesChecks.connect(peer) }) }
            }
            var findings: [(Int, DoctorFinding)] = []
            for await finding in group { findings.append(finding) }
            for finding in findings.sorted(by: { $0.0 < $1.0 }) { report(finding.1) }
        }
    }

    private func peers(of destination: Destination) -> [Peer] {
        var options = destination.options
        options.timeoutMilliseconds = options.connectTimeoutMilliseconds
        let own = Peer(subject: "destination \(destination.name)", url: destination.url, options: options)
        guard let oauth2 = destination.oauth2 else { return [own] }
        return [own, Peer(subject: "token endpoint of \(destination.name)", url: oauth2.tokenURL, options: options)]
    }

    private static func connect(_ peer: Peer) -> DoctorFinding {
        let place = redactedURL(peer.url)
        if place == "https://secret.invalid/…" {
            return .note(peer.subject, "its URL is a secret that cannot be read here, so it was not tried")
        }
        guard let failure = CurlSender.tryConnection(url: peer.url, options: peer.options) else {
            return .ok(peer.subject, "\(place) takes connections\(place.hasPrefix("https") ? " over TLS" : "")")
        }
        let text = "\(place): \(failure.text)"
        switch failure.kind {
        case .unknownHost: return .error(peer.subject, "\(text): correct the URL, or wait for the name", EX_UNAVAILABLE)
        case .tls: return .error(peer.subject, "\(text): mend its certificate, or the tls here", EX_UNAVAILABLE)
        case .addressDenied: return .error(peer.subject, "\(text): if you want it, set allowPrivate", EX_UNAVAILABLE)
        case .setup: return .error(peer.subject, text, EX_CONFIG)
        default: return .warning(peer.subject, "\(text): deliveries wait until it answers")
        }
    }
}
