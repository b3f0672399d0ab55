/// Events as Gruveo sends them, the same ones on each run.
///
/// 35 companies with 14 teams at 10 places make 4,900 links. Half of the calls are answered, three in ten missed, the
/// rest declined; an answered one has `user` and mostly `assignedUsers`. Nearly all have tracking: a customer's number,
/// `utm_…`, a campaign, an address, now and then a click id. Every fifth organization and every twelfth person is
/// written with letters outside of ASCII, half of those as escapes. An event has about 518 bytes.
enum SampleEvents {
    static let companies = [
        "acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "wonka", "cyberdyne", "soylent", "tyrell",
        "aperture", "massive", "vehement", "virtucon", "duff", "krusty", "oscorp", "monarch", "zorin", "dunder",
        "bluth", "sterling", "pied", "gringotts", "ollivander", "prestige", "cogswell", "spacely", "slate", "gekko",
        "nakatomi", "weyland", "omni", "rekall",
    ]
    static let teams = [
        "sales", "support", "billing", "onboarding", "demo", "returns", "partners", "press", "hr", "legal", "it",
        "service", "training", "success",
    ]
    static let places = ["eu", "us", "uk", "de", "fr", "es", "gr", "jp", "br", "au"]
    static let countries = [
        "Greece", "Germany", "France", "Spain", "Japan", "Brazil", "Australia", "United Kingdom", "United States",
    ]
    static let campaigns = (1...60).map { ["spring", "summer", "autumn", "winter"][$0 % 4] + "-sale-\($0)" }
    static let media = ["cpc", "email", "social", "Referral", "organic"]
    static let origins = ["google", "newsletter", "Facebook", "linkedin", "bing", "partner-site"]
    private static let people = [
        "John Smith", "Patty Jones", "Maria Garcia", "Wei Chen", "Olga Petrova", "Liam O'Brien", "Aisha Khan",
        "Tom Baker", "Nina Rossi", "Per Hansen", "Ana Silva", "J\u{FC}rgen Gro\u{DF}",
    ]
    private static let escapedUmlaut = #"J\u00fcrgen Gro\u00df"#

    static func link(_ random: inout SeededGenerator) -> String {
        "@\(random.pick(companies)).\(random.pick(teams))-\(random.pick(places))"
    }

    static func make(_ count: Int) -> [[UInt8]] {
        var random = SeededGenerator(seed: 1)
        return (0..<count).map { _ in Array(event(&random).utf8) }
    }

    private static func event(_ random: inout SeededGenerator) -> String {
        let company = random.pick(companies)
        let roll = random.below(10)
        let resolution = roll < 5 ? "answered" : roll < 8 ? "missed" : "declined"
        let isAnswered = resolution == "answered"
        var members = [
            "\"timestamp\":\(1_598_615_831_871 + random.below(1_000_000_000))",
            "\"maxParticipants\":\(isAnswered ? 2 + random.below(3) : 1)",
            "\"duration\":\(isAnswered ? random.below(4000) : 0)",
            "\"link\":\"@\(company).\(random.pick(teams))-\(random.pick(places))\"",
        ]
        if random.chance(85) { members.append("\"location\":\"\(random.pick(countries))\"") }
        members.append("\"resolution\":\"\(resolution)\"")
        if isAnswered { members.append("\"user\":\(person(company, &random))") }
        if random.chance(95) { members.append("\"tracking\":{\(tracking(&random))}") }
        members.append("\"waitingTime\":\(random.below(120))")
        members.append("\"account\":{\"id\":\"\(identifier(&random))\",\(organization(company, &random))}")
        if isAnswered || random.chance(60) {
            let people = (0..<(1 + random.below(4))).map { _ in person(company, &random) }
            members.append("\"assignedUsers\":[\(people.joined(separator: ","))]")
        }
        if random.chance(80) {
            members.append("\"origin\":\"https://www.\(company).com/contact/\(random.pick(teams))\"")
        }
        if random.chance(50) { members.append("\"platform\":\"web\"") }
        return "{\(members.joined(separator: ","))}"
    }

    private static func person(_ company: String, _ random: inout SeededGenerator) -> String {
        let index = random.below(people.count)
        let isEscaped = index == people.count - 1 && random.chance(50)
        let name = isEscaped ? escapedUmlaut : people[index]
        return "{\"name\":\"\(name)\",\"email\":\"p\(index).\(random.below(40))@\(company).com\"}"
    }

    private static func organization(_ company: String, _ random: inout SeededGenerator) -> String {
        guard random.chance(20) else { return "\"organization\":\"\(company.capitalizedASCII) Corp.\"" }
        let rest = random.chance(50) ? "\u{39F}\u{395}" : #"GmbH \u0026 Co"#
        return "\"organization\":\"\(company.capitalizedASCII) \(rest)\""
    }

    private static func tracking(_ random: inout SeededGenerator) -> String {
        var members: [String] = []
        if random.chance(70) { members.append("\"customer_id\":\"\(10_000 + random.below(20_000))\"") }
        if random.chance(60) {
            members.append("\"utm_source\":\"\(random.pick(origins))\"")
            members.append("\"utm_medium\":\"\(random.pick(media))\"")
            members.append("\"utm_campaign\":\"\(random.pick(campaigns))\"")
        }
        if random.chance(40) { members.append("\"campaign\":\"\(random.pick(campaigns))\"") }
        if random.chance(25) {
            members.append("\"ip\":\"\(10 + random.below(190)).\(random.below(256)).7.\(random.below(256))\"")
        }
        if random.chance(10) { members.append("\"gclid\":\"\(identifier(&random))\"") }
        return members.joined(separator: ",")
    }

    private static func identifier(_ random: inout SeededGenerator) -> String {
        let digits = String(random.next() | 1 << 63, radix: 16) + String(random.next() | 1 << 63, radix: 16)
        let cuts = [0, 8, 12, 16, 20, 32]
        let bytes = Array(digits.utf8)
        return zip(cuts, cuts.dropFirst()).map { String(decoding: bytes[$0..<$1], as: UTF8.self) }.joined(
            separator: "-")
    }
}

extension String {
    fileprivate var capitalizedASCII: String { prefix(1).uppercased() + dropFirst() }
}
