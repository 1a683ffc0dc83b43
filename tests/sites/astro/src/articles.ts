export interface Article {
  slug: string;
  title: string;
  updated: Date;
  teaser: string;
  text: string[];
}

const { CONTENT_URL } = process.env;

/** All articles: of a content system, if CONTENT_URL names one, else those below. */
export async function articles(): Promise<Article[]> {
  return (await read('/articles')) ?? own;
}

/** One article, if there is one of that name. */
export async function article(slug: string | undefined): Promise<Article | undefined> {
  if (CONTENT_URL) return read(`/articles/${slug}`);
  return own.find((article) => article.slug === slug);
}

async function read(path: string) {
  if (!CONTENT_URL) return;
  const response = await fetch(CONTENT_URL + path);
  if (response.status === 404) return;
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return JSON.parse(await response.text(), (key, value) => (key === 'updated' ? new Date(value) : value));
}

const own: Article[] = [
  {
    slug: 'a-cool-dark-shelf',
    title: 'A cool, dark shelf',
    updated: new Date('2026-03-02T08:00:00Z'),
    teaser: 'Light and warmth spoil food long before time does.',
    text: [
      'Oil turns rancid in the light, potatoes turn green, and spices lose in one bright summer what they would keep for two years in the dark.',
      'Put the shelf against an outer wall that faces north, leave a finger’s breadth behind the jars for air, and keep the door shut.',
      'A thermometer costs little. Twelve degrees is good, sixteen will do, and beyond twenty a larder is only a cupboard.',
    ],
  },
  {
    slug: 'first-in-first-out',
    title: 'First in, first out',
    updated: new Date('2026-04-11T08:00:00Z'),
    teaser: 'The oldest jar stands in front, and the rest follows by itself.',
    text: [
      'New jars go to the back, old ones come to the front. It takes half a minute more on shopping day and saves a shelf of unknown age in autumn.',
      'Write the date on the lid, not on the side: from above you see twelve lids at a glance.',
      'What is taken often may stand apart from all this. Salt does not grow old, and neither does honey.',
    ],
  },
  {
    slug: 'salt-sugar-smoke',
    title: 'Salt, sugar, smoke',
    updated: new Date('2026-05-20T08:00:00Z'),
    teaser: 'Three old ways to make a week into a year.',
    text: [
      'All three take away the water that spoilage needs. Salt draws it out, sugar binds it, and smoke dries the surface and seals it.',
      'They can be joined: a ham is salted first and smoked afterwards, and a marmalade owes its long life to sugar and acid both.',
      'None of them mends what was not fresh to begin with.',
    ],
  },
  {
    slug: 'why-bread-goes-stale',
    title: 'Why bread goes stale',
    updated: new Date('2026-06-07T08:00:00Z'),
    teaser: 'Not because it dries. Well wrapped bread goes stale as well.',
    text: [
      'Starch that swelled in the oven slowly returns to crystals and gives its water to the crust. The crumb grows hard, and the crust soft.',
      'It happens fastest just above freezing, so the refrigerator is the worst place of all. Frozen bread hardly ages.',
      'Stale is not spoiled: ten minutes in a hot oven turn the clock back once.',
    ],
  },
];
