import JSON
import Relay

/// Adds up what the pages of a replay say, and lists their events on the way: never more than a page in memory.
struct ReplayReport {
    enum Listing {
        case nothing
        /// The first ones, for a person.
        case lines
        case objects
    }

    private static let mostLines = 20
    private static let mostReasons = 10

    private let listing: Listing
    private var events = 0
    private var sentEvents = 0
    private(set) var deliveries = 0
    private var byDestination: [String: (deliveries: Int, again: Int)] = [:]
    private var skipped: [String: Int] = [:]
    private var damaged = 0
    /// The last event of the pages that are done.
    private(set) var lastEvent: String?
    /// Whether no page is done yet.
    private(set) var isUntouched = true

    init(_ request: ReplayRequest, lists listing: Listing) {
        self.listing = listing
        lastEvent = request.afterEvent?.description
    }

    var counted: String {
        "\(plural(deliveries, "delivery", "deliveries")) of \(plural(sentEvents, "event", "events"))"
    }

    mutating func add(_ page: JSONObject) {
        isUntouched = false
        damaged += Int(clamping: page.number("damaged") ?? 0)
        for event in page.objects("events") { add(event: event) }
    }

    private mutating func add(event: JSONObject) {
        let destinations = event.texts("destinations")
        events += 1
        sentEvents += destinations.isEmpty ? 0 : 1
        deliveries += destinations.count
        lastEvent = event.text("id")
        for name in destinations { byDestination[name, default: (0, 0)].deliveries += 1 }
        for name in event.texts("again") { byDestination[name, default: (0, 0)].again += 1 }
        let reasons = event.objects("skipped").map(ReplayReport.words)
        for reason in reasons where skipped[reason] != nil || skipped.count < 1000 { skipped[reason, default: 0] += 1 }
        switch listing {
        case .nothing: break
        case .objects: Output.data(event)
        case .lines:
            guard events <= ReplayReport.mostLines else { break }
            let goes = destinations.isEmpty ? [] : ["to " + destinations.joined(separator: ", ")]
            let line = (goes + reasons).joined(separator: "; ")
            Output.data(printable("\(event.text("id") ?? "")  received \(event.text("receivedAt") ?? "")  \(line)"))
        }
    }

    private static func words(_ skip: JSONObject) -> String {
        (skip.text("destination").map { "\($0): " } ?? "") + (skip.text("reason") ?? "")
    }

    func summary(_ verb: String) {
        if listing == .lines, events > ReplayReport.mostLines {
            Output.words("… and \(events - ReplayReport.mostLines) more: --json lists all")
        }
        if events == 0 && damaged == 0 { return Output.words("no stored event is meant") }
        Output.words("\(verb) \(counted)" + (byDestination.isEmpty ? "" : ":"))
        for (name, numbers) in byDestination.sorted(by: { $0.key < $1.key }) {
            let again = numbers.again > 0 ? ", \(numbers.again) of them had been delivered there" : ""
            Output.words("  \(name): \(numbers.deliveries)\(again)")
        }
        let reasons = skipped.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        for (reason, count) in reasons.prefix(ReplayReport.mostReasons) {
            Output.words(printable("not sent, \(plural(count, "event", "events")): \(reason)"))
        }
        if reasons.count > ReplayReport.mostReasons { Output.words("… and other reasons: --json has them all") }
        guard damaged > 0 else { return }
        Output.words("not sent, \(plural(damaged, "event", "events")): the stored bytes have changed")
    }

    private func plural(_ count: Int, _ one: String, _ many: String) -> String { "\(count) \(count == 1 ? one : many)" }
}
