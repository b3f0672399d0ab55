import ArgumentParser
import CurlSender
import JSON
import Relay
import Signatures

/// Signs and posts an event, as Gruveo would.
struct Send: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sign an event and post it, as Gruveo would.",
        discussion: """
            With --to URL and --key-env NAME it goes there; otherwise path and key come from the routes file, and the \
            relay is looked for at --listen. Prints the answer's body; exit code 0 for a 200, 69 where nobody answers, \
            65 for any other answer.
            """)

    @OptionGroup var options: ConfigOption

    @Option(help: "Send a sample event instead of a file: missed, answered or declined.")
    var sample: SampleEvent?

    @Option(help: "The link that the sample event's call came over (@acme.sales).")
    var link: String?

    @Option(help: "KEY=VALUE: a tracking parameter of the sample event, in place of its customer_id; once for each.")
    var tracking: [NamedValue] = []

    @Option(help: "The URL to post to.")
    var to: String?

    @Option(name: .customLong("key-env"), help: "The environment variable that holds the key.")
    var keyVariable: String?

    @Option(help: "Where the relay listens, for use without --to (RELAY_LISTEN).")
    var listen: String = environment("RELAY_LISTEN") ?? "127.0.0.1:8080"

    @Argument(help: "A file with the event, - for standard input.")
    var event: String?

    func validate() throws {
        guard (sample == nil) != (event == nil) else { throw ValidationError("give either --sample or a file") }
        guard sample != nil || (link == nil && tracking.isEmpty) else {
            throw ValidationError("--link and --tracking change a sample event: give --sample too")
        }
        guard Set(tracking.map(\.key)).count == tracking.count else {
            throw ValidationError("--tracking gives a key twice, and an event has each once")
        }
        guard (to == nil) == (keyVariable == nil) else { throw ValidationError("--to and --key-env go together") }
    }

    func run() throws {
        let body = try sample.map(sampleBody) ?? readBody(event ?? "-")
        let (url, key) = try target()
        switch postAsGruveo(body, signedBy: key, to: url) {
        case .response(let response):
            Output.words("\(redactedURL(url)) answered \(response.status)")
            if !response.body.isEmpty { Output.data(printable(String(decoding: response.body, as: UTF8.self))) }
            if response.status != 200 { throw ExitStatus.badData }
        case .failure(let failure):
            Output.words("gruveo-relay: \(failure.text)")
            if to == nil {
                Output.words("gruveo-relay: is the relay running? It was looked for at \(listen): see --listen.")
            }
            throw ExitStatus.unreachable
        }
    }

    private func sampleBody(_ sample: SampleEvent) -> [UInt8] {
        let given = JSONObject(tracking.map { .init(key: $0.key, value: .string($0.value)) })
        return sample.body(
            at: wallClock(), link: link ?? SampleEvent.link, tracking: tracking.isEmpty ? SampleEvent.tracking : given)
    }

    private func target() throws -> (url: String, key: HMACKey) {
        if let to, let keyVariable { return (to, try signingKey(inVariable: keyVariable)) }
        let loaded = try loadRoutes(options.config, unreadableSecret: .note)
        guard let source = loaded.configuration?.sources.first, let key = source.verifier.keys.first?.key else {
            loaded.lines.forEach(Output.words)
            Output.words("gruveo-relay: \(options.config) has no source with a key that can be read here")
            throw ExitStatus.badConfiguration
        }
        return ("http://\(listen)\(source.path)", key)
    }
}

/// Posts an event with its signature in the header that Gruveo uses; blocks until the answer is here.
func postAsGruveo(_ body: [UInt8], signedBy key: HMACKey, to url: String) -> AttemptResult.Ending {
    let headers = [
        OutgoingRequest.Header("Content-Type", "application/json"),
        OutgoingRequest.Header(IncomingSignature.headerName, Hex.encode(key.authenticate(body))),
    ]
    return CurlSender.post(url: url, headers: headers, body: body)
}
