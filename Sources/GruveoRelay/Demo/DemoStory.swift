import DeadLetterFiles
import JSON
import Relay
import Signatures

/// What the demo does once the relay listens, and what it prints of it.
struct DemoStory: Sendable {
    /// How long the destinations are waited for.
    private static let patience = Duration.seconds(20)

    let configuration: Configuration
    let destinations: DemoDestinations
    let routes: String
    let state: String

    func tell(_ address: ListenAddress) async {
        guard let source = configuration.sources.first, let key = source.verifier.keys.first?.key else { return }
        Output.data("The relay listens on \(address)\(source.path). Three calls end:\n")
        var expected = 0
        for sample in [SampleEvent.missed, .answered, .declined] {
            let body = sample.body(at: wallClock())
            let status = await post(body, signedBy: key, to: "http://\(address)\(source.path)")
            Output.data("\(sample.rawValue) call: answered \(status), \(EventID(source: source.name, body: body))")
            let routing = configuration.router.route(body, source: source, receivedAt: wallClock())
            guard case .matched(let routes, let destinations) = routing else { continue }
            expected += destinations.count
            for route in routes { Output.data("  matches \"\(route)\"") }
        }
        await waitForArrivals(expected)
        for name in configuration.destinations.keys.sorted() { show(name) }
        await showDeadLetters()
        showNextSteps(address)
    }

    private func post(_ body: [UInt8], signedBy key: HMACKey, to url: String) async -> String {
        switch await offThePool({ postAsGruveo(body, signedBy: key, to: url) }) {
        case .response(let response): "\(response.status)"
        case .failure(let failure): failure.text
        }
    }

    private func waitForArrivals(_ expected: Int) async {
        let end = ContinuousClock.now + DemoStory.patience
        while ContinuousClock.now < end, destinations.all().count < expected || deadLetters().count < 2 {
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    private func deadLetters() -> [DeadLetterSummary] {
        (try? DeadLetterDirectory(stateDirectory: state).list().letters) ?? []
    }

    private func show(_ name: String) {
        let received = destinations.all().filter { $0.destination == name }
        let refuses = name == DemoRoutes.refusing ? " (it answers 422 to each)" : ""
        Output.data("\n\(name) got \(received.count) request\(received.count == 1 ? "" : "s")\(refuses); the first:")
        guard let first = received.first else { return }
        for header in first.headers where !DemoStory.dull.contains(header.name.lowercased()) {
            Output.data("    \(header.name): \(printable(header.value))")
        }
        Output.data("    \(printable(first.body))")
    }

    /// Headers that say nothing about the relay.
    private static let dull: Set<String> = ["host", "accept", "content-length"]

    private func showDeadLetters() async {
        let letters = deadLetters()
        Output.data("\ndead letters, \(letters.count), in \(state)/dead-letters:")
        for letter in letters { Output.data("    \(letter.file.path)\n        \(letter.reason.text)") }
    }

    private func showNextSteps(_ address: ListenAddress) {
        let program = CommandLine.arguments.first ?? "gruveo-relay"
        Output.data(
            """

            The relay goes on until you press Ctrl-C; then all of this is removed. Try in another terminal:
              \(program) send --sample missed --config \(routes) --listen \(address)
              \(program) dead list --state \(state)
              \(program) check \(routes)
            """)
    }
}
