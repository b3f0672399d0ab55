/// Rules as administrators write them, the same ones on each run.
///
/// Of a hundred, 57 name links exactly: 41 one link and resolutions, 8 some links and resolutions, 6 a link alone, 2 a
/// link and a number. 8 name a prefix of the link and resolutions, 5 a customer's number, 5 a campaign and a link, 7 a
/// link with a wildcard, text in any case, `anything-but` or `exists` (2, 2, 2, 1), 2 people who were assigned, 4 are `$or`s of a link and a customer, 4 ask for the end of an e-mail address. The rest names no link: one
/// each asks by wildcard, in any case, for a number, a missing user, a long call, a block of addresses, a customer and a
/// number. What no exact value or prefix helps to find is 9 of them. A set of ten has each operator once.
enum SampleRules {
    typealias Random = SeededGenerator
    private typealias Rule = @Sendable (inout Random) -> String

    /// Rules that name one link and one or two resolutions, nothing else.
    static func linkAndResolution(_ count: Int) -> [String] {
        var random = Random(seed: 2)
        return (0..<count).map { _ in linkAndResolution(&random) }
    }

    /// Rules with all operators.
    static func mixed(_ count: Int) -> [String] {
        var random = Random(seed: 3)
        var rules: [String] = []
        while rules.count < count {
            let deck = count <= 10 ? oneOfEach : hundred.shuffled(using: &random)
            rules += deck.prefix(count - rules.count).map { $0(&random) }
        }
        return rules
    }

    private static let oneOfEach: [Rule] = [
        linkAndResolution, prefixOfLink, customerAndWait, emailDomain, wildcardCampaign, anyCase,
        address, absentUser, oneOfTwo, assignedUser,
    ]

    private static let shares: [(count: Int, rule: Rule)] = [
        (41, linkAndResolution), (8, linksAndResolution), (6, { "{\(link(&$0))}" }), (8, prefixOfLink), (5, customer),
        (5, { beside("tracking.campaign", "\"\($0.pick(SampleEvents.campaigns))\"", &$0) }),
        (2, { beside("duration", "{\"numeric\":[\">\",\($0.below(900))]}", &$0) }),
        (2, { beside("tracking.utm_campaign", "{\"wildcard\":\"*sale*\($0.below(9))\"}", &$0) }),
        (2, { beside("tracking.utm_source", #"{"equals-ignore-case":"Google"}"#, &$0) }),
        (2, { beside("location", "{\"anything-but\":[\"\($0.pick(SampleEvents.countries))\"]}", &$0) }),
        (1, { beside("tracking.gclid", #"{"exists":true}"#, &$0) }),
        (4, emailDomain), (4, oneOfTwo), (2, assignedUser), (1, wildcardCampaign), (1, wildcardLink), (1, anyCase),
        (1, wait), (1, longCall), (1, absentUser), (1, address), (1, customerAndWait),
    ]

    private static let hundred = shares.flatMap { Array(repeating: $0.rule, count: $0.count) }

    // MARK: - Fields

    private static func link(_ random: inout Random) -> String { "\"link\":[\"\(SampleEvents.link(&random))\"]" }

    private static func links(_ random: inout Random) -> String {
        let links = (0..<(2 + random.below(4))).map { _ in "\"\(SampleEvents.link(&random))\"" }
        return "\"link\":[\(links.joined(separator: ","))]"
    }

    private static func resolution(_ random: inout Random) -> String {
        "\"resolution\":[\(random.pick(["\"missed\"", "\"answered\"", "\"declined\"", "\"missed\",\"declined\""]))]"
    }

    private static func companyAndTeam(_ random: inout Random) -> String {
        "@\(random.pick(SampleEvents.companies)).\(random.pick(SampleEvents.teams))"
    }

    @Sendable private static func linkAndResolution(_ random: inout Random) -> String {
        "{\(link(&random)),\(resolution(&random))}"
    }

    @Sendable private static func linksAndResolution(_ random: inout Random) -> String {
        "{\(links(&random)),\(resolution(&random))}"
    }

    @Sendable private static func customer(_ random: inout Random) -> String {
        "{\"tracking\":{\"customer_id\":[\"\(10_000 + random.below(20_000))\"]}}"
    }

    /// A link, and one alternative of another field.
    private static func beside(_ path: String, _ alternative: String, _ random: inout Random) -> String {
        "{\(link(&random)),\"\(path)\":[\(alternative)]}"
    }

    // MARK: - Rules with operators

    @Sendable private static func prefixOfLink(_ random: inout Random) -> String {
        "{\"link\":[{\"prefix\":\"\(companyAndTeam(&random))-\"}],\(resolution(&random))}"
    }

    @Sendable private static func customerAndWait(_ random: inout Random) -> String {
        let customer = "\"customer_id\":[{\"prefix\":\"\(1000 + random.below(2000))\"}]"
        return "{\"tracking\":{\(customer)},\"waitingTime\":[{\"numeric\":[\">=\",10,\"<\",\(30 + random.below(60))]}]}"
    }

    @Sendable private static func emailDomain(_ random: inout Random) -> String {
        let domain = "@\(random.pick(SampleEvents.companies)).com"
        let email = random.chance(25) ? domain : ".\(random.below(40))\(domain)"
        let duration = "\"duration\":[{\"numeric\":[\">\",\(random.below(4000))]}]"
        return "{\"user\":{\"email\":[{\"suffix\":\"\(email)\"}]},\(duration)}"
    }

    @Sendable private static func wildcardCampaign(_ random: inout Random) -> String {
        "{\"tracking\":{\"utm_campaign\":[{\"wildcard\":\"*-sale-\(random.below(60))\"}]},\"location\":[\"Greece\"]}"
    }

    @Sendable private static func wildcardLink(_ random: inout Random) -> String {
        let places = "*-\(random.pick(SampleEvents.places))"
        return "{\"link\":[{\"wildcard\":\"\(companyAndTeam(&random).dropLast())\(places)\"}],\(resolution(&random))}"
    }

    @Sendable private static func anyCase(_ random: inout Random) -> String {
        let source = random.pick(["FACEBOOK", "LinkedIn", "BING", "Newsletter"])
        let medium = random.pick(["CPC", "referral", "Social"])
        let fields = [("source", source), ("medium", medium)].map {
            "\"utm_\($0)\":[{\"equals-ignore-case\":\"\($1)\"}]"
        }
        return "{\"tracking\":{\(fields.joined(separator: ","))},\(resolution(&random))}"
    }

    @Sendable private static func wait(_ random: inout Random) -> String {
        "{\"waitingTime\":[{\"numeric\":[\">\",\(100 + random.below(400))]}],\"duration\":[{\"numeric\":[\"=\",0]}]}"
    }

    @Sendable private static func longCall(_ random: inout Random) -> String {
        "{\"duration\":[{\"numeric\":[\">\",\(3600 + random.below(1000))]}]}"
    }

    @Sendable private static func absentUser(_ random: inout Random) -> String {
        let location = "\"location\":[{\"anything-but\":[\"Greece\",\"Spain\"]},{\"exists\":false}]"
        let gclid = "\"tracking\":{\"gclid\":[{\"exists\":true}]}"
        return "{\"user\":{\"email\":[{\"exists\":false}]},\(location),\(gclid),\"waitingTime\":[\(random.below(120))]}"
    }

    @Sendable private static func address(_ random: inout Random) -> String {
        "{\"tracking\":{\"ip\":[{\"cidr\":\"\(10 + random.below(190)).\(random.below(256)).0.0/16\"}]}}"
    }

    @Sendable private static func oneOfTwo(_ random: inout Random) -> String {
        "{\(resolution(&random)),\"$or\":[{\(link(&random))},\(customer(&random))]}"
    }

    @Sendable private static func assignedUser(_ random: inout Random) -> String {
        let email = "p\(random.below(11)).\(random.below(40))@\(random.pick(SampleEvents.companies)).com"
        let name = random.pick(["John Smith", "Patty Jones", "Maria Garcia", "Wei Chen", "Olga Petrova"])
        let user = "\"email\":[\"\(email)\"],\"name\":[\"\(name)\",{\"prefix\":\"A\"}]"
        return "{\"assignedUsers\":{\(user)},\(resolution(&random))}"
    }
}
