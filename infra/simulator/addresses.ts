/**
 * Where on the Net people are. A home's address changes when its provider says so, and was another home's before; a phone leaves through
 * one of the few addresses that its carrier shares among hundreds; offices, hotels and private networks are shared, too. Thieves come through all
 * of these, and through rented machines that nobody knows.
 */
import type { Customer } from './people.ts'
import type { Random } from './random.ts'
import { carriers, cities, homeCities } from './world.ts'

export type Addresses = {
  /** From where a customer pays at `time`. */
  of(customer: Customer, time: number, phone: boolean): string
  /** From where a thief strikes who wants to look like somebody in this city, or does not care to. */
  thief(city: number): string
}

/** A home provider has so many addresses for each customer of this bank, since most of its homes bank elsewhere. */
const homesEach = 8
/** Customers of this bank behind one address. */
const behind = { carrier: 30, office: 10, hotel: 60, privately: 150 }

/** The n-th address of a network of 2^24; neighbours lie apart. */
const addressIn = (network: number, n: number): string => {
  const host = (n * 7919 + 4321) & 0xffffff
  return `${network}.${host >> 16}.${(host >> 8) & 255}.${host & 255}`
}
const rented = (random: Random): string => `${random.int(30) + 130}.${random.int(256)}.${random.int(256)}.${random.int(254) + 1}`

/** `aDay` is how long, in milliseconds, a day takes on which providers count. */
export function createAddresses(random: Random, customers: number, aDay: number): Addresses {
  const weights = cities.slice(0, homeCities).reduce((sum, c) => sum + c.weight, 0)
  // A city where none of the customers lives has homes and hotels all the same.
  const people = cities.map((c) => (customers * c.weight) / weights)
  const inCountry = new Map<string, number>()
  for (const [i, { country }] of cities.entries()) inCountry.set(country, (inCountry.get(country) ?? 0) + people[i])
  const countries = [...inCountry.keys()]
  const some = (network: number, share: number): string => addressIn(network, random.int(Math.max(1, Math.round(share))))
  const home = (city: number) => some(20 + city, people[city] * homesEach)
  const carrier = (city: number, which: number) => {
    const { country } = cities[city]
    return some(80 + countries.indexOf(country) * carriers + which, (inCountry.get(country) as number) / carriers / behind.carrier)
  }
  const hotel = (city: number) => some(40 + city, people[city] / behind.hotel)
  const office = (city: number, which: number) => addressIn(60 + city, which % Math.max(1, Math.round(people[city] / behind.office)))
  const privately = () => some(120, customers / behind.privately)
  return {
    of(customer, time, phone) {
      const { city, away } = customer
      if (random.chance(customer.hidden)) return privately()
      // A phone abroad leaves through the carrier at home.
      if (phone && random.chance(0.7)) return carrier(city, customer.carrier)
      if (away >= 0 && time <= customer.awayUntil) return hotel(away)
      if (random.chance(0.1)) return office(city, customer.office)
      if (time >= customer.ipUntil) {
        customer.ip = home(city)
        customer.ipUntil = time + random.exponential() * customer.lease * aDay
      }
      return customer.ip
    },
    thief(city) {
      const way = random.next()
      if (way < 0.35) return rented(random)
      if (way < 0.6) return home(random.chance(0.6) ? city : random.int(cities.length))
      if (way < 0.82) return privately()
      return carrier(city, random.int(carriers))
    },
  }
}
