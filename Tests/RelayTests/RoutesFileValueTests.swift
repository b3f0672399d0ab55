import Testing

@testable import Relay

@Suite struct RoutesFileValueTests {
    @Test(
        arguments: [
            ("15s", 15_000), ("5m", 300_000), ("2h", 7_200_000), ("3d", 259_200_000), ("0s", 0), ("007s", 7000),
            ("106751991167d", 9_223_372_036_828_800_000),
        ] as [(String, Int64)])
    func durationsAreANumberAndAUnit(text: String, milliseconds: Int64) throws {
        #expect(try DurationText.parse(text) == milliseconds)
    }

    @Test(arguments: [
        ("10", #""10" has no unit: write "10s", or with m, h or d"#),
        ("10x", #""10x" has an unknown unit: write a whole number and s, m, h or d, such as "15s""#),
        ("1.5h", #""1.5h" has an unknown unit: write a whole number and s, m, h or d, such as "15s""#),
        ("10 s", #""10 s" has an unknown unit: write a whole number and s, m, h or d, such as "15s""#),
        ("10S", #""10S" has an unknown unit: write a whole number and s, m, h or d, such as "15s""#),
        ("10ms", #""10ms" has more than one number and one unit: write "90m" for an hour and a half"#),
        ("1h1h", #""1h1h" has more than one number and one unit: write "90m" for an hour and a half"#),
        ("-5s", #""-5s" is negative: write it as "15s""#),
        ("s", #""s" is not a duration: write it as "15s", "5m", "2h" or "3d""#),
        ("", #""" is not a duration: write it as "15s", "5m", "2h" or "3d""#),
        ("٣s", #""٣s" is not a duration: write it as "15s", "5m", "2h" or "3d""#),
        ("106751991168d", #""106751991168d" is too long"#),
        ("99999999999999999999s", #""99999999999999999999s" is too long"#),
        ("11m", #""11m" is out of range: from "1s" to "10m""#),
        ("0s", #""0s" is out of range: from "1s" to "10m""#),
    ])
    func otherDurationsSayWhatToWrite(text: String, expected: String) {
        #expect(
            messages(routesText(destination: #""timeout": "\#(text)""#))
                == ["error: destinations.crm.timeout: \(expected)"])
    }

    @Test(arguments: [
        (#""timeout": 15"#, #"timeout: must be a duration in quotes such as "15s", "5m", "2h" or "3d", not a number"#),
        (#""concurrency": 0"#, "concurrency: 0 is out of range: from 1 to 1000 requests"),
        (#""concurrency": -1"#, "concurrency: -1 is out of range: from 1 to 1000 requests"),
        (#""concurrency": 1e9"#, "concurrency: must be a whole number of requests, written with digits only"),
        (#""concurrency": 1.5"#, "concurrency: must be a whole number of requests, written with digits only"),
        (#""concurrency": 1000000000"#, "concurrency: 1000000000 is out of range: from 1 to 1000 requests"),
        (#""concurrency": "8""#, "concurrency: must be a number of requests, not a string"),
        (#""concurrency": null"#, "concurrency: must be a number of requests, not null"),
        (
            #""method": "post""#,
            #"method: "post" is none of "POST", "PUT", "PATCH", "GET" or "DELETE", did you mean "POST"?"#
        ),
        (
            #""retry": {"schedule": 3}"#,
            #"retry.schedule: must be a list of durations such as "5s", "5m", not a number"#
        ),
        (
            #""retry": {"for": "1y"}"#,
            #"retry.for: "1y" has an unknown unit: write a whole number and s, m, h or d, such as "15s""#
        ),
        (
            #""outcomes": {"99": "dead"}"#,
            #"outcomes.99: "99" is no status: write one from "200" to "599", or "2xx" to "5xx""#
        ),
        (
            #""outcomes": {"4XX": "dead"}"#,
            #"outcomes.4XX: "4XX" is no status: write one from "200" to "599", or "2xx" to "5xx""#
        ),
        (
            #""outcomes": {"404": "ded"}"#,
            #"outcomes.404: "ded" is none of "delivered", "retry", "dead" or "held", did you mean "dead"?"#
        ),
        (#""tls": {"key": "k.pem"}"#, #"tls.key: a key needs its "certificate" beside it"#),
        (#""tls": {"ca": "a\u0000b"}"#, "tls.ca: must be the path of a file, without control characters"),
        (#""allowPrivate": ["10.0.0.5"]"#, #"allowPrivate[0]: "10.0.0.5" is not a network: write "10.0.0.5/32""#),
        (
            #""allowPrivate": ["10.0.0.5/8"]"#,
            #"allowPrivate[0]: "10.0.0.5/8" is not a network: write an address, "/" and a length with no bits behind "#
                + #"it, such as "10.0.0.0/8""#
        ),
        (#""format": "form""#, #"format: "format" says how "body" is written: add a "body", or remove it"#),
        (#""rate": 10"#, #"rate: must be a rate in quotes such as "10/s", "30/m" or "100/h", not a number"#),
        (#""rate": "10""#, #"rate: "10" is not a rate: write "10/s", "30/m" or "100/h""#),
        (#""rate": "10/d""#, #"rate: "10/d" is not a rate: write "10/s", "30/m" or "100/h""#),
        (#""rate": "1.5/s""#, #"rate: "1.5/s" is not a rate: write "10/s", "30/m" or "100/h""#),
        (#""rate": "0/s""#, #"rate: "0/s" is out of range: from 1 to 10000 requests"#),
        (#""rate": "10001/h""#, #"rate: "10001/h" is out of range: from 1 to 10000 requests"#),
        (#""ordered": "yes""#, "ordered: must be true or false, not a string"),
        (
            #""concurrency": 8, "ordered": true"#,
            #"ordered: sends one after the other, "concurrency" is 8: remove "concurrency""#
        ),
        (
            #""auth": {}"#,
            #"auth: "bearer", "basic" or "oauth2" is missing: write {"bearer": {"credential": "NAME"}}"#
        ),
    ])
    func valuesOfADestination(member: String, expected: String) {
        #expect(messages(routesText(destination: member)) == ["error: destinations.crm.\(expected)"])
    }

    @Test(arguments: [
        "8.0.0.0/8", "10.0.0.0/7", "0.0.0.0/0", "169.254.0.0/16", "::/0", "fe80::/10", "::ffff:10.0.0.0/104",
    ])
    func onlyPrivateNetworksCanBeOpened(network: String) {
        let found = messages(routesText(destination: #""allowPrivate": ["\#(network)"]"#))
        #expect(found.count == 1)
        #expect(found[0].hasPrefix(#"error: destinations.crm.allowPrivate[0]: "\#(network)" cannot be opened"#))
    }

    @Test(arguments: [
        (#""maxBody": 0"#, "maxBody: 0 is out of range: from 1 to 16777216 bytes"),
        (#""dedupe": true"#, #"dedupe: must be a duration such as "24h", or false, not true or false"#),
        (
            #""dedupe": "8d""#,
            #"dedupe: is longer than limits.retention, "7d": events are not known for longer than they are kept"#
        ),
        (#""maxAge": "x""#, #"maxAge: "x" is not a duration: write it as "15s", "5m", "2h" or "3d""#),
    ])
    func valuesOfASource(member: String, expected: String) {
        #expect(messages(routesText(source: member)) == ["error: sources.gruveo.\(expected)"])
    }

    @Test(arguments: [
        (#""retention": "0s""#, #"limits.retention: "0s" is out of range: from "1s" to "3650d""#),
        (#""freeSpace": -1"#, "limits.freeSpace: -1 is out of range: from 0 to 9007199254740992 bytes"),
        (#""backlog": 0"#, "limits.backlog: 0 is out of range: from 1 to 1000000000 deliveries"),
        (#""drain": "1d""#, #"limits.drain: "1d" is out of range: from "0s" to "10m""#),
        (#""freespace": 1"#, #"limits: unknown key "freespace", did you mean "freeSpace"?"#),
        (
            #""zzz": 1"#,
            #"limits: unknown key "zzz": remove it; the keys here are retention, freeSpace, backlog, drain"#
        ),
    ])
    func valuesOfTheLimits(member: String, expected: String) {
        #expect(messages(routesText(limits: member)) == ["error: \(expected)"])
    }

    @Test func alertsAreNotSupportedYet() {
        #expect(
            messages(routesText(top: #""alerts": []"#)) == [#"error: alerts: "alerts" is not supported yet: remove it"#]
        )
    }
}
