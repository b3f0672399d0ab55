import JSON
import JSONTemplates

extension RoutesFile {
    /// Renders every template with each sample event, and warns of those that fail: such a call would become a dead
    /// letter. A warning, since the routes may keep such events away.
    func renderSamples(_ functions: HostFunctions, _ log: FindingLog) {
        let events = TemplateSample.all.map { sample in
            let id = EventID(source: "sample", body: sample.body)
            let event = Event(
                id: id, source: "sample", receivedAt: RoutesFile.sampleTime, body: sample.body, routes: ["sample"])
            return (name: sample.name, event: event)
        }
        for destination in destinations where destination.preset.map(presets.has) ?? true {
            guard let templates = destination.templates(destination.shownURL, functions) else {
                continue
            }
            var failures = SampleFailures()
            for (name, event) in events {
                for failure in templates.failures(event, now: RoutesFile.sampleTime) { failures.add(failure, name) }
            }
            failures.report(destination, of: events.count, log)
        }
    }

    /// Five seconds after the sample events' timestamp.
    private static let sampleTime = Timestamp(milliseconds: 1_598_615_836_871)
}

/// Failures of one destination's templates; the same failure of several samples is told once.
private struct SampleFailures {
    private var all: [(failure: TemplateFailure, samples: [String])] = []

    mutating func add(_ failure: TemplateFailure, _ sample: String) {
        if let index = all.firstIndex(where: { $0.failure == failure }) {
            all[index].samples.append(sample)
        } else {
            all.append((failure, [sample]))
        }
    }

    func report(_ destination: DestinationDeclaration, of count: Int, _ log: FindingLog) {
        for (failure, samples) in all {
            let place = FilePlace(
                offset: failure.offset ?? destination.offset(of: failure),
                path: "\(destination.place.path).\(failure.place)")
            let first = samples.first.map { ", such as \(Words.quoted($0))" } ?? ""
            log.add(
                .warning, at: place,
                "fails for \(samples.count) of \(count) sample events\(first): \(failure.message)"
                    + TemplateAdvice.hint(failure.message))
        }
    }
}

extension DestinationDeclaration {
    /// Where a failure stands that has no place of its own.
    fileprivate func offset(of failure: TemplateFailure) -> Int {
        if failure.place == "url" { return url.place.offset }
        let value = query.first { failure.place == "query.\($0.name)" }
        let header = headers.first { failure.place == "headers.\($0.name)" }
        return value?.place.offset ?? header?.value.place.offset ?? place.offset
    }
}
